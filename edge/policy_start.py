"""Which policy a start serves by: what people had put in force, not what somebody left in a file.

A start never fails for want of a policy. Where two people have keys to sign policies, the policy
that the site file names counts at the first start alone.
"""

import logging
from pathlib import Path
from typing import NamedTuple

import msgspec

from controller.state import SiteState
from edge.config import Config, ConfigError, load_config, under_policy, wiring_problems
from edge.policy_bundle import SIGNERS, BundleError, compiled, own_tzdata, signers
from edge.policy_store import KeptPolicy, PolicyStore, kept_policy
from edge.signatures import SignatureError
from policies import CompiledPolicy, PolicyError

LOAD_IT = "have it signed by two people (`sentrypost policy sign`), then `sentrypost policy load`"
MEND_IT = "mend them: `sentrypost check` names them"
RAISE_IT = "give it a higher version, or put the site file back as it was"

log = logging.getLogger(__name__)


class AtStart(NamedTuple):
    """The configuration with the policy in force, and that policy as it is kept; None where it
    cannot be. `note` and `remedy`: why it is not the one that the site file names, empty where it
    is or where nothing is wrong with that.
    """

    config: Config
    kept: KeptPolicy | None
    note: str = ""
    remedy: str = ""


def load_servable(path: Path, state: Path) -> Config:
    """As `load_config`; where its policy alone cannot be loaded, with one that was in force.

    `state` is the folder that the site file names. Raises ConfigError.
    """
    try:
        return load_config(path)
    except ConfigError as error:
        for kept in PolicyStore(state).newest():
            try:
                found = load_config(path, policy_files=kept.bundle.sources)
            except ConfigError:
                continue
            return msgspec.structs.replace(found, policy_faults=error.problems)
        raise


def served_next(config: Config) -> CompiledPolicy:
    """By what the next start serves, as the files tell without the journal: what two people have
    signed and was put in force last, where two have keys; otherwise what the site file names.
    """
    if len(signers(config.keys)) >= SIGNERS:
        for kept in PolicyStore(config.state).newest():
            under = _under(config, kept)
            if under is not None:
                return under.policy
    return config.policy


def at_start(config: Config, state: SiteState, store: PolicyStore) -> AtStart:
    """What this start serves by; it is kept from here on. Nothing but the store is written."""
    if config.kept and config.policy.digest == state.policy_chosen and _is_present(config):
        config = msgspec.structs.replace(config, kept=False)
    for problem in config.policy_faults:
        log.error("%s", problem)
    found = _chosen(config, state, store)
    if found.note:
        log.warning("%s; %s", found.note, found.remedy)
    keep = found.kept or _of_files(found.config)
    if keep is None:
        return found
    kept = KeptPolicy(tzdata=own_tzdata(), envelope=keep.envelope)
    digest = found.config.policy.digest
    try:
        if store.get(digest) is None:
            store.put(digest, kept)
    except OSError as error:
        log.error("the policy in force is not kept: %s", error)
    # In safe mode another one is in force than people chose: nothing is tidied up then.
    if not config.kept:
        store.keep_only({digest, state.policy_chosen, state.policy_before})
    return found._replace(kept=kept)


def _is_present(config: Config) -> bool:
    """Whether the copy of the site file is what the site file holds."""
    try:
        return config.file.read_bytes() == config.sources[config.file]
    except OSError:
        return False


def _of_files(config: Config) -> KeptPolicy | None:
    try:
        return kept_policy(config.policy, config.policy_files)
    except BundleError as error:
        log.error("the policy in force cannot be kept: %s; %s", error, error.remedy)
        return None


def _chosen(config: Config, state: SiteState, store: PolicyStore) -> AtStart:
    named, chosen = config.policy, state.policy_chosen
    kept = store.get(chosen) if chosen else None
    why, remedy = _why_not_named(config, state)
    if config.kept or not chosen or named.digest == chosen:
        note = (why, remedy) if config.policy_faults else ("", "")
        return AtStart(config, kept if named.digest == chosen else None, *note)
    if not why:
        return AtStart(config, None)
    before = None if kept is None else _under(config, kept)
    if before is not None and before.policy.digest == named.digest:  # with newer time zones
        return AtStart(config, kept)
    if before is None:
        lost = "the policy that was in force is not kept, or does not fit this site file any more"
        return AtStart(config, None, f"{lost}: the one that the site file names decides", LOAD_IT)
    if named.version < state.policy_version_max and not config.policy_faults:
        # As it stands after every load: the site file is not written by loading.
        log.info("%s: version %d goes on", why, state.policy_version)
        return AtStart(before, kept)
    return AtStart(before, kept, f"{why}: version {state.policy_version} goes on", remedy)


def _why_not_named(config: Config, state: SiteState) -> tuple[str, str]:
    """Why the policy that the site file names is not put in force by a start; empty: it is."""
    if config.policy_faults:
        return "the site file's policy has mistakes", MEND_IT
    version, highest = config.policy.version, state.policy_version_max
    if version < highest:
        return f"the site file's policy is version {version}, and {highest} was in force", RAISE_IT
    people = signers(config.keys)
    if len(people) >= SIGNERS:
        named = f"the site file's policy (version {version}, {config.policy.digest[:16]})"
        return f"{named} is another than the one in force, and a start signs nothing", LOAD_IT
    return "", ""


def _under(config: Config, kept: KeptPolicy) -> Config | None:
    """The site under the kept policy; None where that cannot be."""
    try:
        files = kept.bundle.sources
        policy = compiled(files)
    except (BundleError, SignatureError, PolicyError) as error:
        log.error("the policy that was in force cannot be loaded any more: %s", error)
        return None
    problems = wiring_problems(config, policy)
    for problem in problems:
        log.error("the policy that was in force does not fit the site file: %s", problem)
    return None if problems else under_policy(config, policy, files)
