"""The lists of the blob service, as XML."""

import email.utils
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from tests.azure.double.blob_store import Blob, BlobStore, Container

_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
PAGE = 5000


def containers_xml(account: str, store: BlobStore, query: Mapping[str, str]) -> str:
    prefix = query.get("prefix", "")
    items = "".join(
        f"<Container><Name>{escape(name)}</Name><Properties>{_stamp(one.created.timestamp(), '0x8D')}</Properties></Container>"
        for name, one in sorted(store.containers.items())
        if name.startswith(prefix)
    )
    return (
        f"{_HEAD}<EnumerationResults ServiceEndpoint={quoteattr(f'https://{account}/')}>"
        f"<Prefix>{escape(prefix)}</Prefix><Containers>{items}</Containers><NextMarker /></EnumerationResults>"
    )


def list_xml(account: str, name: str, container: Container, query: Mapping[str, str]) -> str:
    """One page; with a `delimiter`, what is deeper shows as a prefix only."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    with_metadata = "metadata" in query.get("include", "").split(",")
    entries: dict[str, str] = {}
    for blob_name in sorted(container.blobs):
        rest = blob_name[len(prefix) :]
        if not blob_name.startswith(prefix):
            continue
        if delimiter and delimiter in rest:
            folder = prefix + rest[: rest.index(delimiter) + len(delimiter)]
            entries[folder] = f"<BlobPrefix><Name>{escape(folder)}</Name></BlobPrefix>"
        else:
            entries[blob_name] = _blob_xml(blob_name, container.blobs[blob_name], with_metadata)
    left = [key for key in sorted(entries) if key >= query.get("marker", "")]
    size = int(query.get("maxresults", PAGE))
    marker = f"<NextMarker>{escape(left[size])}</NextMarker>" if len(left) > size else "<NextMarker />"
    return (
        f"{_HEAD}<EnumerationResults ServiceEndpoint={quoteattr(f'https://{account}/')} ContainerName={quoteattr(name)}>"
        f"<Prefix>{escape(prefix)}</Prefix><Delimiter>{escape(delimiter)}</Delimiter>"
        f"<Blobs>{''.join(entries[key] for key in left[:size])}</Blobs>{marker}</EnumerationResults>"
    )


def _blob_xml(name: str, blob: Blob, with_metadata: bool) -> str:
    parts = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in blob.metadata.items())
    metadata = f"<Metadata>{parts}</Metadata>" if with_metadata else ""
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties>{_stamp(blob.modified.timestamp(), blob.etag.strip(chr(34)))}"
        f"<Content-Length>{len(blob.data)}</Content-Length><Content-Type>{escape(blob.content_type)}</Content-Type>"
        f"<Content-MD5>{blob.content_md5}</Content-MD5><BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus>"
        f"<LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties>{metadata}</Blob>"
    )


def _stamp(modified: float, etag: str) -> str:
    return f"<Last-Modified>{email.utils.formatdate(modified, usegmt=True)}</Last-Modified><Etag>{etag}</Etag>"
