"""One scan from settings to outcome: the stages made ready, the scan itself, and the judgement of what it found.

Whatever ends a scan early, what was found until then is in the report, and the report is incomplete.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tokenguard.app.collect import Collector
from tokenguard.app.detector import Detector
from tokenguard.app.outcome import Outcome, report_of
from tokenguard.app.session import Progress, Session, Silence
from tokenguard.app.sight import Sight, parsed
from tokenguard.config.settings import FileSettings, Settings
from tokenguard.errors import OperationError, TokenguardError, fault
from tokenguard.model import RuleSet

Scan = Callable[[Session], None]


def perform(  # noqa: PLR0913 - four may be left out
    sight: Sight,
    settings: Settings,
    ruleset: RuleSet,
    scan: Scan,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
    every_place: bool = False,
    own_process: bool = False,
) -> Outcome:
    """Run `scan` and judge what it collected. `cache` is used where the settings say so.

    `every_place`: whoever gets the outcome decides by its paths, so that none may be left out of a long history.
    `own_process`: the process does nothing else, and may be copied.

    Raises:
        ConfigError: a baseline is wrong; nothing was scanned.
        UsageError: what was asked for makes no sense; nothing was scanned, or nothing that could be judged.
    """
    if settings.baseline is not None or settings.repository_baseline is not None or parsed(sight.proposed).values:
        from tokenguard.app.judge import require_baselines  # start-up time: most repositories have none

        require_baselines(sight, settings)
    kept = cache if settings.cache else None
    detector = Detector(ruleset, kept)
    collector = Collector(detector)
    session = Session(
        detector=detector,
        collector=collector,
        jobs=settings.jobs or _processors(),
        max_size=settings.max_size,
        respect_gitignore=settings.respect_gitignore,
        paths_decide=lambda: every_place or _paths_decide(settings, sight),
        cache=kept,
        progress=progress or Silence(),
        own_process=own_process,
    )
    try:
        scan(session)
    except OperationError as error:
        collector.problem("failed", "the scan", str(error))
    except MemoryError:
        collector.problem("memory", "the scan", "out of memory; use fewer --jobs")
    except TokenguardError:
        raise
    except Exception as error:  # noqa: BLE001 - what was found before a fault of ours is not lost
        collector.problem("internal", "the scan", f"internal error: {fault(error)}; please report this")
    finally:
        collector.close()
    if not collector.found or not _anything_allowed(collector, settings, sight):
        return Outcome(report_of(collector, ruleset, collector.findings(), ()))
    from tokenguard.app.judge import judged  # start-up time: most repositories allow nothing

    return judged(collector, ruleset, sight, settings)


def _anything_allowed(collector: Collector, settings: Settings, sight: Sight) -> bool:
    """Whether an inline allowance, an entry, a baseline or what a change proposes could cover a finding."""
    said = settings.ignore or settings.baseline is not None or settings.repository_baseline is not None
    return bool(said or collector.inline() or parsed(sight.proposed) != FileSettings())


def _paths_decide(settings: Settings, sight: Sight) -> bool:
    from tokenguard.app.judge import paths_decide  # start-up time: asked of what is found in a history

    return paths_decide(settings, sight)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
