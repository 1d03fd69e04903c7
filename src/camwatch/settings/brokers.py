"""The settings of one broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, field_validator

from camwatch.settings import validators as checks
from camwatch.settings.value_types import BOUNDED, SECTION, File, Id, KeyFile, Label, Seconds, Whole, secret


class Broker(BaseModel):
    """One MQTT broker, its session, and the operators whose topics it carries (empty: all)."""

    model_config = SECTION

    name: Label = "main"
    url: Annotated[str, AfterValidator(checks.broker_url)] = "mqtt://127.0.0.1:1883"
    protocol: Literal["5", "3.1.1"] = "5"
    client_id: Label = "camwatch"
    session_expiry_s: Annotated[Whole, Field(ge=0, le=2**32 - 1)] = 86_400
    canary: bool = False
    keep_alive_s: Annotated[Whole, Field(ge=1, le=65_535)] = 30
    connect_timeout_s: Seconds = 10.0
    reconnect_min_s: Seconds = 0.25
    reconnect_max_s: Annotated[Seconds, BOUNDED] = 1.0
    operators: tuple[Id, ...] = ()
    username: str | None = None
    username_file: File | None = None
    password_file: File | None = None
    ca_file: File | None = None
    cert_file: File | None = None
    key_file: KeyFile | None = None

    @field_validator("canary")
    @classmethod
    def _has_a_topic(cls, value: bool, info: ValidationInfo) -> bool:
        if value and set(info.data.get("client_id", "")) & set("/+#"):
            raise ValueError(
                "needs a client_id without '/', '+' and '#': it is a level of the canary's topic"
            )
        return value

    @field_validator("reconnect_max_s")
    @classmethod
    def _is_at_least_reconnect_min(cls, value: float, info: ValidationInfo) -> float:
        least = info.data.get("reconnect_min_s", value)
        if value < least:
            raise ValueError(f"must be at least reconnect_min_s ({least:g}), it is {value:g}")
        return value

    @field_validator("username_file")
    @classmethod
    def _is_the_only_username(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value and info.data.get("username") is not None:
            raise ValueError("contradicts username: keep one of the two")
        return value

    @field_validator("password_file")
    @classmethod
    def _has_a_username(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        named = (info.data.get("username", ""), info.data.get("username_file", ""))
        if value and info.data.get("protocol") == "3.1.1" and named == (None, None):
            raise ValueError("needs a username: MQTT 3.1.1 does not allow a password without one")
        return value

    @field_validator("ca_file", "cert_file", "key_file")
    @classmethod
    def _is_for_an_encrypted_session(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value and "url" in info.data and not checks.endpoint(info.data["url"]).encrypted:
            raise ValueError("needs an encrypted session: begin url with mqtts:// or wss://")
        return value

    @property
    def endpoint(self) -> checks.Endpoint:
        """The parts of the URL, with the default port and path of its scheme."""
        return checks.endpoint(self.url)

    @property
    def exposes_password(self) -> bool:
        """Whether the password is sent over a network unencrypted."""
        exposed = not self.endpoint.encrypted and not checks.is_loopback(self.endpoint.host)
        return self.password_file is not None and exposed

    def user(self) -> str | None:
        """Return `username`, or the content of `username_file`; None if neither is set.

        Raises ConfigError if the file cannot be read.
        """
        return self.username or secret(self.username_file, f"broker {self.name}: username_file")

    def password(self) -> str | None:
        """Return the content of `password_file` without one line end; None if it is not set.

        Raises ConfigError if the file cannot be read.
        """
        return secret(self.password_file, f"broker {self.name}: password_file")
