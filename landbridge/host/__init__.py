"""The long-lived process behind `landbridge up`: services, flow runs with warm imports, local serving agents."""
