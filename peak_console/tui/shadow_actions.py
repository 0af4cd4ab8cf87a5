"""Actions of the Shadow screen and the pages below it: jobs, cycles, models, readiness."""

from typing import Final

from peak_console.operations.views.shadow import DriftState, JobState
from peak_console.tui.action import Action, ActionState, Danger
from peak_console.tui.action_reasons import needs_workspace

_LIST: Final = frozenset({"shadow"})
_JOBS: Final = frozenset({"shadow", "shadow-job"})
_MODELS: Final = frozenset({"shadow", "shadow-model"})


def job_reason(state: ActionState) -> str:
    """Why nothing can be done about a job: none is under the cursor."""
    shown = state.shadow
    return needs_workspace(state) or ("no job is under the cursor" if shown and shown.job is None else "")


def run_reason(state: ActionState) -> str:
    """Why a job cannot be run now."""
    if reason := job_reason(state):
        return reason
    if state.busy:
        return "a run is being asked for"
    if not state.bar.node.running:
        return "no node runs that could begin it (peak node start)"
    if not state.bar.posture.calls:
        return "calls are not permitted; e enables them"
    shown = state.shadow
    if shown and shown.job and shown.job.state is JobState.GONE:
        return "the config does not name this job any more"
    return ""


def cancel_reason(state: ActionState) -> str:
    """Why no run can be cancelled."""
    shown = state.shadow
    if reason := job_reason(state):
        return reason
    return "this job has no run under way" if shown and shown.job and not shown.job.running else ""


def pause_reason(state: ActionState) -> str:
    """Why a job cannot be paused."""
    if reason := job_reason(state):
        return reason
    shown = state.shadow
    paused = bool(shown and shown.job and shown.job.state is JobState.PAUSED)
    return "it is paused already; u resumes it" if paused else ""


def resume_reason(state: ActionState) -> str:
    """Why a job cannot be resumed."""
    if reason := job_reason(state):
        return reason
    shown = state.shadow
    paused = not shown or shown.job is None or shown.job.state is JobState.PAUSED
    return "" if paused else "it is not paused"


def release_reason(state: ActionState) -> str:
    """Why no model can be released."""
    shown = state.shadow
    if reason := needs_workspace(state):
        return reason
    if shown is None:
        return ""
    if shown.model is None:
        return "no model is under the cursor"
    return "" if shown.model.state is DriftState.QUARANTINED else "this model is not quarantined"


def run_page_reason(state: ActionState) -> str:
    """Why no run's page can be opened."""
    shown = state.shadow
    return "nothing under the cursor has a run on the ledger" if shown and not shown.run_id else ""


def form_reason(state: ActionState) -> str:
    """What the form still lacks."""
    return needs_workspace(state) or state.missing


SHADOW_ACTIONS: Final = (
    Action(
        "go.shadow",
        "Shadow",
        "7",
        "7",
        "Jobs and their runs, shadow cycles with what the gate said, drift of each model, readiness.",
        rank=13,
        command="shadow",
        argument="[FILTER]",
        cli="peak jobs list",
    ),
    Action(
        "drift.show",
        "drift",
        "d",
        "d",
        "Drift of the slot's model: its streams, the names it answers under, its checks.",
        frozenset({"live"}),
        rank=26,
        command="drift",
        cli="peak drift status",
    ),
    Action(
        "shadow.run",
        "run now",
        "n",
        "n",
        "Run the job under the cursor now: asks why, then shows how far it is.",
        _JOBS,
        Danger.CHANGE,
        command="run-job",
        cli="peak shadow run --job JOB",
        rank=22,
        disabled=run_reason,
    ),
    Action(
        "shadow.cancel",
        "cancel",
        "x",
        "x",
        "End the run under way of the job under the cursor. No question is asked.",
        _JOBS,
        Danger.INCIDENT,
        command="cancel-run",
        cli="peak jobs cancel KEY",
        rank=24,
        disabled=cancel_reason,
    ),
    Action(
        "shadow.pause",
        "pause job",
        "p",
        "p",
        "The job under the cursor begins no run until it is resumed. No question is asked.",
        _JOBS,
        Danger.INCIDENT,
        command="pause-job",
        argument="[REASON]",
        cli='peak jobs pause JOB --reason "…"',
        rank=23,
        disabled=pause_reason,
    ),
    Action(
        "shadow.resume",
        "resume",
        "u",
        "u",
        "Let a paused job run again: asks for a reason, signed by an operator.",
        _JOBS,
        Danger.CHANGE,
        command="resume-job",
        cli='peak jobs resume JOB --reason "…"',
        rank=25,
        disabled=resume_reason,
    ),
    Action(
        "shadow.release",
        "release",
        "R",
        "R",
        "Let a quarantined model be asked again: shows the evidence, asks for a reason and the word RELEASE.",
        _MODELS,
        Danger.CHANGE,
        command="release-model",
        cli='peak drift release PROVIDER:MODEL --reason "…"',
        rank=26,
        disabled=release_reason,
    ),
    Action(
        "shadow.edit",
        "edit job",
        "t",
        "t",
        "The text of the jobs in the workbench (4 Matrix), at the line of the job under the cursor.",
        _JOBS,
        rank=27,
        cli="peak config history jobs",
        disabled=needs_workspace,
    ),
    Action(
        "shadow.timeline",
        "run",
        "enter",
        "↵",
        "The run's page: its timeline from snapshot to gate, with every call.",
        frozenset({"shadow-job", "shadow-cycle"}),
        rank=20,
        cli="peak runs show RUN_ID",
        disabled=run_page_reason,
    ),
    Action(
        "shadow.older",
        "older",
        "n",
        "n",
        "The cycle before this one.",
        frozenset({"shadow-cycle"}),
        rank=22,
    ),
    Action(
        "shadow.newer",
        "newer",
        "N",
        "N",
        "The cycle after this one.",
        frozenset({"shadow-cycle"}),
        rank=23,
    ),
    Action(
        "shadow.confirm",
        "do it",
        "ctrl+y",
        "^y",
        "In a form of the Shadow screen: do it, once every field is filled in. Enter confirms nothing.",
        frozenset({"shadow-act"}),
        Danger.CHANGE,
        cli='peak jobs resume JOB --reason "…"',
        rank=20,
        disabled=form_reason,
    ),
)
