"""Microsoft Entra ID as far as a client secret goes: discovery, tokens for a scope, and what a service asks of a token."""

import secrets
import time
import urllib.parse
import uuid

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.places import Places
from tests.azure.double.wire import ArmError, Json, Routes

LIFETIME_SECONDS = 3600


class Login:
    """Issues tokens and knows them again. `revoke` makes those issued so far worthless, as an expiry does."""

    def __init__(self, places: Places) -> None:
        self._places, self._key = places, secrets.token_hex(32)
        self.secret = secrets.token_urlsafe(24)
        self._honoured_from = 0
        self._serial = 0
        self._routes = Routes(
            {
                "/{tenant}/v2.0/.well-known/openid-configuration": {"GET": self._configuration},
                "/{tenant}/oauth2/v2.0/token": {"POST": self._token},
                "/common/discovery/instance": {"GET": self._instance},
            }
        )

    async def __call__(self, request: Request) -> Response:
        return await self._routes(request)

    def issue(self, audience: str) -> str:
        """A token for `audience`, e.g. https://management.azure.com."""
        self._serial += 1
        who = {"tid": self._places.tenant, "oid": str(uuid.uuid4()), "appid": self._places.client, "ver": "1.0"}
        times = {"iat": int(time.time()), "exp": int(time.time()) + LIFETIME_SECONDS, "serial": self._serial}
        issuer = f"https://sts.windows.net/{self._places.tenant}/"
        return jwt.encode({"aud": audience, "iss": issuer, **who, **times}, self._key, algorithm="HS256")

    def revoke(self) -> None:
        self._honoured_from = self._serial + 1

    def knows(self, token: str, *audiences: str) -> bool:
        """Whether it was issued here, is not revoked, and is for one of `audiences` (hosts; none = any)."""
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"], options={"verify_aud": False})
        except jwt.PyJWTError:
            return False
        host = urllib.parse.urlsplit(claims["aud"]).netloc
        return claims["serial"] >= self._honoured_from and (not audiences or host in audiences)

    def check(self, request: Request, *audiences: str) -> None:
        """Raises ArmError 401 when the request has no token that `knows` accepts."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not self.knows(token, *audiences):
            raise ArmError(
                401, "AuthenticationFailed", "Authentication failed. The access token is missing, unknown or expired."
            )

    async def _configuration(self, request: Request) -> Response:
        tenant = str(request.path_params["tenant"])
        base = f"https://{request.headers['host']}/{tenant}"
        value: dict[str, Json] = {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "issuer": f"{base}/v2.0",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
        }
        return JSONResponse(value)

    async def _token(self, request: Request) -> Response:
        form = dict(urllib.parse.parse_qsl((await request.body()).decode()))
        places = self._places
        if str(request.path_params["tenant"]) != places.tenant:
            return _refused(400, "invalid_request", f"AADSTS90002: Tenant '{request.path_params['tenant']}' not found.")
        if (form.get("client_id"), form.get("client_secret")) != (places.client, self.secret):
            return _refused(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        audience = form.get("scope", "").split(" ")[0].removesuffix("/.default")
        token = self.issue(audience)
        lifetime = {"expires_in": LIFETIME_SECONDS, "ext_expires_in": LIFETIME_SECONDS}
        return JSONResponse({"token_type": "Bearer", "access_token": token, **lifetime})

    async def _instance(self, request: Request) -> Response:
        host = request.headers["host"]
        url = f"https://{host}/{self._places.tenant}/v2.0/.well-known/openid-configuration"
        names = {"preferred_network": host, "preferred_cache": host, "aliases": list(self._places.cloud.login)}
        return JSONResponse({"tenant_discovery_endpoint": url, "api-version": "1.1", "metadata": [names]})


def _refused(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)
