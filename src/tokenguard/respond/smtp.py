"""Notices as plain text mails, one address a mail, handed to the mail server that the configuration names.

Headers are built from our own words, ids and checked addresses: no text of others gets into one. The body is encoded,
so that none of its lines can be taken for SMTP.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import closing, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from tokenguard.errors import ConfigError
from tokenguard.model.notification import OWNERS, Encryption, MailServer, Notice
from tokenguard.model.secret import Secret
from tokenguard.respond.message import message, plain
from tokenguard.respond.post import CONNECT_SECONDS, TOTAL_SECONDS, trust
from tokenguard.respond.sender import NotDeliveredError
from tokenguard.respond.watch import Watch

NOBODY = "the owner has no address"
_WORD, _LABEL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{1,320}}\Z){_WORD}(?:\.{_WORD})*@{_LABEL}(?:\.{_LABEL})*")
"""`dot-atom@dot-atom` (RFC 5322, 3.4.1)."""


class Mail:
    """A Sender to one address, or to the owners.

    Raises ConfigError where the login has characters that smtplib cannot send: it would say which, and where.
    """

    def __init__(  # noqa: PLR0913 - where to, and how
        self,
        name: str,
        to: str,
        server: MailServer,
        password: Secret | None,
        *,
        link: str = "",
        seconds: float = TOTAL_SECONDS,
    ) -> None:
        if password is not None and not (server.user.isascii() and password.reveal().isascii()):
            raise ConfigError(f"{name}: the mail server's user and password must be ASCII")
        self.name = name
        self._to = to
        self._server = server
        self._password = password
        self._link = link
        self._seconds = seconds

    def send(self, notice: Notice) -> str:
        """As Sender says."""
        to = notice.owner_email if self._to == OWNERS else self._to
        if not _ADDRESS.fullmatch(to):
            return NOBODY
        mail = _mail(notice, self._server.sender, to, self._link)
        watch = Watch(self._seconds)
        try:
            with watch:
                self._hand_in(mail, to, watch)
        except (OSError, smtplib.SMTPException) as error:
            raise NotDeliveredError(f"the mail server {_why(error, over=watch.over)}") from None
        return ""

    def _hand_in(self, mail: EmailMessage, to: str, watch: Watch) -> None:
        server = self._server
        connected = socket.create_connection((server.host, server.port), min(CONNECT_SECONDS, watch.left()))
        with connected, closing(connected.dup()) as handle:
            # The deadline cuts the connection by a handle of its own: the other one becomes TLS's.
            watch.over_connection(handle)
            connected.settimeout(watch.left())
            secured = connected
            if server.encryption is Encryption.TLS:
                secured = trust().wrap_socket(connected, server_hostname=server.host)
            with closing(_Conversation(server, secured)) as talk:
                talk.begin()
                if server.encryption is Encryption.STARTTLS:
                    talk.starttls(context=trust())
                if self._password is not None:
                    talk.login(server.user, self._password.reveal().decode())
                # send_message would turn a line that begins with "From " into ">From ".
                talk.sendmail(server.sender, [to], mail.as_bytes())
                with suppress(OSError, smtplib.SMTPException):
                    # It was taken: how the conversation ends changes nothing.
                    talk.quit()


class _Conversation(smtplib.SMTP):
    """smtplib's, over a connection of ours: its own would be made without a deadline."""

    def __init__(self, server: MailServer, connected: socket.socket) -> None:
        # The machine's own name is nobody's business, and looking it up may take long.
        super().__init__(local_hostname=server.sender.rpartition("@")[2])
        self._host = server.host
        """Whose certificate STARTTLS is to show."""
        self.sock = connected

    def begin(self) -> None:
        """Hear the greeting."""
        code, text = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)


def _why(error: Exception, *, over: bool) -> str:
    """In our own words, with the codes of RFC 5321 at most: what the server says may be anything."""
    if over or isinstance(error, TimeoutError):
        return "does not answer in time"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answered with {error.smtp_code}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = (str(code) for code, _ in error.recipients.values())
        return f"refused the recipient ({', '.join(codes)})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "shows a certificate that is not trusted"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "offers no such encryption or login"
    return "cannot be reached, or breaks off"


def _mail(notice: Notice, sender: str, to: str, link: str) -> EmailMessage:
    said = message(notice, link)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(display_name="tokenguard", addr_spec=sender)
    mail["To"] = Address(addr_spec=to)
    mail["Subject"] = said.subject
    mail["Date"] = format_datetime(notice.at)
    # The same for each repetition: mail programs show one of them.
    mail["Message-ID"] = f"<{notice.id}@{sender.rpartition('@')[2]}>"
    # RFC 3834: nobody's absence is to answer it.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Tokenguard-Event"] = str(notice.kind)
    mail.set_content(plain(said) + "\n", cte="quoted-printable")
    return mail
