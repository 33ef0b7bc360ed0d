"""Who can tell whether a rule's tokens live, and kill them: as the user's configuration and login say.

A rule that `issuers` names goes where that says. Any other rule that describes a token goes to the token store: the
server that is configured or logged in to, else the one on this machine where there is one. Nobody is contacted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenguard.app.embedded import store_place
from tokenguard.app.token_service import Approach, approach, open_service
from tokenguard.config.credentials import token_of
from tokenguard.config.file import read_bounded
from tokenguard.config.issuers import IssuerKind, IssuerSetting
from tokenguard.config.private_file import check_private
from tokenguard.config.web_address import web_address
from tokenguard.errors import ConfigError, OperationError, UsageError
from tokenguard.model.rule import Rule, RuleSet
from tokenguard.respond.issuer import Issuer
from tokenguard.respond.store_issuer import StoreIssuer
from tokenguard.ruleset.issuers import issuer_api

if TYPE_CHECKING:
    from tokenguard.model.secret import Secret
    from tokenguard.model.service import TokenService
    from tokenguard.respond.api_issuer import ApiIssuer

EMBEDDED = "store"
"""The name of the store on this machine, as reports and the journal have it."""
_LONGEST_TOKEN = 1 << 16


@dataclass(frozen=True, slots=True)
class Issuers:
    """Who serves which rule."""

    by_rule: Mapping[str, Issuer]
    store: TokenService | None = None
    """The store that a person's commands speak to."""
    store_name: str = EMBEDDED
    why_no_store: str = ""

    def why_none(self, rule_id: str) -> str:
        """Why nobody serves a rule, with the remedy."""
        if self.why_no_store:
            return f"no issuer for {rule_id}: {self.why_no_store}" if rule_id else self.why_no_store
        return f"no issuer for {rule_id}; name one under `issuers` in your configuration"


@contextmanager
def issuers_for(
    ruleset: RuleSet,
    settings: tuple[IssuerSetting, ...],
    environ: Mapping[str, str],
    *,
    way: Approach | None = None,
) -> Iterator[Issuers]:
    """The issuers of the rules, ready to be asked; closed at the end. `way`: the store that flags named.

    Raises:
        ConfigError: `issuers` names a rule that there is not, or a provider whose API no rule describes.
        UsageError: a token that cannot be one, or a URL that none may be sent to.
    """
    with ExitStack() as stack:
        yield _Choice(ruleset, environ, way or approach(environ), stack).of(settings)


class _Choice:
    """One choice of issuers; what it opens is closed with `stack`."""

    def __init__(self, ruleset: RuleSet, environ: Mapping[str, str], way: Approach, stack: ExitStack) -> None:
        self._rules = {rule.id: rule for rule in ruleset.rules if not rule.foreign}
        self._environ = environ
        self._way = way
        self._stack = stack
        self._stores: dict[tuple[str | None, ...], StoreIssuer] = {}

    def of(self, settings: tuple[IssuerSetting, ...]) -> Issuers:
        """All of them."""
        service, why = self._default_store()
        server = self._way.access.server
        name = EMBEDDED if server is None else web_address(server.value).name
        default = StoreIssuer(service, name) if service is not None else None
        by_rule: dict[str, Issuer] = {}
        if default is not None:
            by_rule = {rule.id: default for rule in self._rules.values() if rule.token is not None}
        for setting in settings:
            rule = self._rules.get(setting.family)
            if rule is None and self._way.ruleset.by_id(setting.family) is not None:
                continue  # a scan for some of the rules only
            if rule is None:
                raise ConfigError(
                    f"{setting.where}: issuers: there is no rule {setting.family}", remedy="see: tokenguard rules list"
                )
            if setting.kind is IssuerKind.PROVIDER:
                by_rule[rule.id] = self._provider(setting, rule)
            elif setting.url is not None:
                by_rule[rule.id] = self._store(setting, setting.url)
            elif default is None:
                by_rule.pop(rule.id, None)
        return Issuers(by_rule, service, name, why)

    def _default_store(self) -> tuple[TokenService | None, str]:
        """The store, or why there is none. One that is broken stops nobody from asking the others."""
        place = store_place(self._environ) if self._way.embedded else None
        if isinstance(place, Path) and not place.exists():
            return None, f"there is no token store here ({place}), and no server is configured"
        try:
            return self._stack.enter_context(open_service(self._way, self._environ)), ""
        except (UsageError, OperationError) as error:
            return None, str(error)

    def _store(self, setting: IssuerSetting, url: str) -> StoreIssuer:
        key = (url, setting.token_env, str(setting.token_file))
        if key not in self._stores:
            token = self._token(setting)
            if token is None and self._way.access.server is not None and self._way.access.server.value == url:
                token = self._way.access.token.value if self._way.access.token is not None else None
            if token is None:
                raise ConfigError(f"{setting.where}: no token for {url}", remedy="name it: token_env or token_file")
            from tokenguard.respond.client import Client  # start-up time: the store on this machine needs no HTTP

            client = Client(url, token)
            self._stack.callback(client.close)
            self._stores[key] = StoreIssuer(client, client.name)
        return self._stores[key]

    def _provider(self, setting: IssuerSetting, rule: Rule) -> ApiIssuer:
        api = issuer_api(rule)
        if api is None:
            raise ConfigError(
                f"{setting.where}: the rule {rule.id} describes no provider's API",
                remedy="add `verify` and `revoke` to it, or say store",
            )
        if not (url := setting.url or api.url):
            raise ConfigError(f"{setting.where}: {rule.id} has no address", remedy="say url:")
        from tokenguard.respond.api_issuer import ApiIssuer
        from tokenguard.respond.http import Http

        issuer = ApiIssuer(api, Http(url), operator=self._token(setting))
        self._stack.callback(issuer.close)
        return issuer

    def _token(self, setting: IssuerSetting) -> Secret | None:
        """The operator's token for one issuer; None: none is named."""
        if setting.token_env is not None:
            value = self._environ.get(setting.token_env, "").strip()
            if not value:
                raise ConfigError(f"{setting.where}: the variable {setting.token_env} is not set", remedy="set it")
            return token_of(value, setting.token_env)
        if setting.token_file is None:
            return None
        name = str(setting.token_file)
        data = read_bounded(setting.token_file, _LONGEST_TOKEN, name=name, follow=True)
        if data is None:
            raise ConfigError(
                f"{setting.where}: token_file: {name}: no such file", remedy="make it, readable to you alone"
            )
        check_private(setting.token_file, "the token in it", "chmod 600 it")
        return token_of(data.decode("utf-8", "replace").strip(), name)
