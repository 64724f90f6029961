"""What an S3 server or the way to it answers instead of data, in our words."""

import os
import ssl
from xml.etree.ElementTree import ParseError

import urllib3.exceptions as transport
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from netanomaly.errors import Absent, Refused, StoreRefused, StoreUnavailable, Unreachable
from netanomaly.wording import reason

_WRONG_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthorizationHeaderMalformed"}
_OUTSIDE = {"SlowDown", "RequestTimeout", "ConditionalRequestConflict", "OperationAborted", "BadDigest"}
_CONDITION = {"PreconditionFailed"}


def in_words(error: Exception, uri: str, endpoint: str, key: str, action: str) -> Exception:
    """Our exception for what a request ended with.

    Args:
        error: What the client raised.
        uri: The registry or data source.
        endpoint: The server.
        key: The object.
        action: `read`, `write`, `list` or `delete`.
    """
    if isinstance(error, _STUMBLES) and not isinstance(error, UnicodeError):
        return _stumble(error, uri, endpoint, action)
    match error:
        case S3Error():
            return _answer(error, uri, endpoint, key, action)
        case ServerError() if error.status_code == 304:
            return Refused(key)
        case ServerError():
            return StoreUnavailable(f"{endpoint} answered HTTP {error.status_code} to a {action} of {uri}")
        case InvalidResponseError():
            return _no_xml(error, uri, endpoint, key, action)
        case ParseError() | UnicodeDecodeError():
            return not_s3(endpoint)
        case ValueError() if "to unpack" in str(error):
            # minio-py 7.2.20 trips over this answer to a HEAD.
            return StoreUnavailable(f"{endpoint} answered HTTP 409 to a {action} of {uri}")
        case ValueError() if "fetch credentials" in str(error):
            way_out = (
                "give the Secret that the run's object_store names AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                if os.environ.get("KUBERNETES_SERVICE_HOST")
                else "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile"
            )
            return StoreRefused(f"no credentials for {endpoint}; {way_out}")
    return _transport(error, endpoint, action)


CAUGHT = (
    MinioException, transport.HTTPError, ParseError, ValueError, OSError,
    # What the client stumbles over in an answer: a listing without a name, an error without a code, a header missing.
    AttributeError, TypeError, LookupError,
)  # fmt: skip
_STUMBLES = (AttributeError, TypeError, LookupError)
_CLIENTS = frozenset({"minio", "xml", "urllib3", "datetime", "_strptime"})


def _stumble(error: Exception, uri: str, endpoint: str, action: str) -> Exception:
    """The error itself where it is one of this program: that is a defect, and to be seen as one."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    module = place.tb_frame.f_globals.get("__name__", "") if place is not None else ""
    if module.partition(".")[0] not in _CLIENTS:
        return error
    return StoreRefused(
        f"{endpoint} answers a {action} of {uri} not as an S3 server does ({type(error).__name__}); correct "
        "S3_ENDPOINT_URL, or look at what answers there"
    )


def _answer(error: S3Error, uri: str, endpoint: str, key: str, action: str) -> Exception:
    code, status = error.code or "", error.response.status if error.response is not None else 0
    said = f"{code}: {error.message}".rstrip(".") if error.message else code
    if code in _CONDITION or status == 412:
        return Refused(key)
    if code == "NoSuchBucket":
        return StoreRefused(f"the bucket of {uri} does not exist at {endpoint}; create it, or correct the URI")
    if action != "list" and (code in ("NoSuchKey", "NoSuchVersion", "NotFound") or status == 404):
        return Absent(key)
    if code == "RequestTimeTooSkewed":
        return StoreRefused(f"this machine's clock differs too much from that of {endpoint}; set it right ({said})")
    if code == "ExpiredToken":
        return StoreRefused(f"the credentials for {endpoint} have expired; get new ones ({said})")
    if code in _WRONG_CREDENTIALS or (status in (301, 307) or code == "PermanentRedirect"):
        region = error.response.headers.get("x-amz-bucket-region") if error.response is not None else None
        if region or "region" in (error.message or "").lower():
            return StoreRefused(
                f"{uri} is in another region; set AWS_REGION{f' to {region}' if region else ''} ({said})"
            )
        return StoreRefused(f"{endpoint} does not accept the credentials; correct them ({said})")
    if status == 403 or code == "AccessDenied":
        return StoreRefused(f"the credentials may not {action} {uri}/{key}; ask for the right to it ({said})")
    if code in _OUTSIDE or status == 409 or status == 429 or (status >= 500 and status != 501):
        return StoreUnavailable(f"{endpoint} answered HTTP {status} to a {action} of {uri} ({said})")
    return StoreRefused(f"{endpoint} refused to {action} {uri}/{key}: HTTP {status}, {said}")


def _no_xml(error: InvalidResponseError, uri: str, endpoint: str, key: str, action: str) -> Exception:
    status, kind, body = _fields(error)
    if status == 304:
        return Refused(key)
    if status == 403:
        return StoreRefused(f"the credentials may not {action} {uri}; ask for the right to it (HTTP 403)")
    if status >= 500 or status in (408, 409, 429):
        return StoreUnavailable(f"{endpoint} answered HTTP {status} to a {action} of {uri}")
    if "html" in (kind or "") or (body or "").lstrip()[:1] == "<":
        return not_s3(endpoint)
    return StoreRefused(f"{endpoint} answered HTTP {status}, and not as an S3 server does; is this an S3 server?")


def _fields(error: InvalidResponseError) -> tuple[int, str | None, str | None]:
    # The exception keeps its parts private, and gives them to whoever copies it.
    _, (status, kind, body) = error.__reduce__()  # type: ignore[no-untyped-call]
    return status, kind, body


def not_s3(endpoint: str) -> StoreRefused:
    return StoreRefused(f"{endpoint} does not speak S3 (it answers with a web page); correct S3_ENDPOINT_URL")


def _transport(error: Exception, endpoint: str, action: str) -> Exception:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(cause):
            why = getattr(cause, "verify_message", "") or "certificate not verified"
            return StoreRefused(
                f"the certificate of {endpoint} is not trusted ({why}); name your authority's file in AWS_CA_BUNDLE"
            )
        if isinstance(cause, ssl.SSLError) and "EOF" not in str(cause):
            return StoreRefused(f"{endpoint} does not speak TLS as it should ({cause.reason}); is it http:// instead?")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, ValueError):
        return StoreRefused(
            f"{endpoint} answered a {action} with something else than S3 does ({str(error)[:80]}); correct S3_ENDPOINT_URL"
        )
    if isinstance(error, transport.NameResolutionError):
        return Unreachable(f"the host of {endpoint} has no address; correct S3_ENDPOINT_URL, or try again")
    if isinstance(error, (transport.NewConnectionError, transport.ConnectTimeoutError)):
        return Unreachable(f"{endpoint} cannot be reached ({reason(error)}); is it running, and S3_ENDPOINT_URL right?")
    if isinstance(error, (transport.HTTPError, OSError)):
        return StoreUnavailable(f"{endpoint} did not finish its answer to a {action} ({reason(error)})")
    return error
