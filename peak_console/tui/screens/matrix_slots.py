"""Edits made in the grid: another model, a fallback more, one less, one earlier. The text follows."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from peak_console.domain.errors import PeakError
from peak_console.operations.views.matrix import Place
from peak_console.tui.ink import Tone
from peak_console.tui.screens.matrix_drawing import role_words, usd
from peak_console.tui.screens.picker import Choice, Picker
from peak_console.tui.workdesk import MATRIX

if TYPE_CHECKING:
    from peak_console.operations.catalogue import ModelFacts
    from peak_console.tui.screens.matrix import MatrixScreen

_STATUS_TONES = {"allowed": Tone.TEXT, "retiring": Tone.WARN}


def model_choices(facts: "tuple[ModelFacts, ...]") -> list[Choice]:
    """The catalogue's models as choices: those that may be used first. Pure."""
    ranked = sorted(facts, key=lambda one: (one.status != "allowed", one.status != "retiring"))
    return [Choice(one.name, _note(one), _STATUS_TONES.get(one.status, Tone.FAINT)) for one in ranked]


def _note(one: "ModelFacts") -> str:
    price = one.price
    cost = f"$ {usd(price.input_usd_per_mtok)}/{usd(price.output_usd_per_mtok)}" if price else "no price"
    status = "" if one.status == "allowed" else f"{one.status}: {one.why}"
    return "  ".join(part for part in (cost, status, one.family, ", ".join(one.used_in)) if part)


class SlotEdits:
    """What ``m``, ``a``, ``del``, ``K`` and ``J`` do."""

    @property
    def _at(self) -> "MatrixScreen":
        return cast("MatrixScreen", self)

    def _place(self) -> Place | None:
        """The slot under the cursor; says so where there is none."""
        row = self._at.row
        if row is None:
            self._at.peak.say("this works on a slot of the matrix")
            return None
        return row.place

    def _fallbacks(self, layer: str) -> tuple[Place, ...]:
        found = self._at.places
        return tuple(one for one in found if one.layer == layer and one.role == "fallback")

    def _change(self, make: Callable[[str], str], said: str) -> None:
        """Edit the matrix's text, or say what keeps it from being edited."""
        screen = self._at
        state = screen.states.get(MATRIX)
        if state is None or screen.open_name != MATRIX:
            return
        if not state.current:
            screen.peak.say("the grid is behind the text by an edit; press again")
            return
        try:
            text = make(state.text)
        except PeakError as error:
            screen.peak.say(f"{error.message}; {error.remedy}", severity="error")
            return
        screen.change_text(text, said)

    def _pick(self, title: str, taken: Callable[[str], None]) -> None:
        screen = self._at
        workspace = screen.peak.opening.workspace
        if workspace is None:
            return
        now = screen.peak.now()

        def read() -> None:
            from peak_console.operations.catalogue import catalogue  # noqa: PLC0415 - reads the configs

            choices = model_choices(catalogue(workspace, now))
            screen.app.call_from_thread(
                screen.app.push_screen, Picker(title, choices, taken, free=True, hint="provider:model")
            )

        screen.run_worker(read, thread=True, exclusive=True, group="catalogue")

    def do_matrix_model(self, words: str = "") -> None:
        """Another model for the slot."""
        place = self._place()
        if place is None:
            return

        def taken(value: str) -> None:
            from peak_console.operations import matrix_edits as edits  # noqa: PLC0415 - after the first paint

            self._change(
                lambda text: edits.with_model(text, place, *edits.model_named(value)),
                f"{place.layer} {role_words(place)}: {value}",
            )

        if words:
            taken(words)
        else:
            self._pick(f"model for {place.layer} {role_words(place)}", taken)

    def do_matrix_add(self) -> None:
        """One more fallback."""
        place = self._place()
        if place is None:
            return
        layer = place.layer

        def taken(value: str) -> None:
            from peak_console.operations import matrix_edits as edits  # noqa: PLC0415 - after the first paint

            fallbacks = self._fallbacks(layer)
            self._change(
                lambda text: edits.with_fallback(text, layer, fallbacks, *edits.model_named(value)),
                f"{layer} fallback {len(fallbacks) + 1}: {value}",
            )

        self._pick(f"one more fallback for {layer}", taken)

    def do_matrix_unset(self) -> None:
        """Take the slot out."""
        place = self._place()
        if place is not None:
            from peak_console.operations import matrix_edits as edits  # noqa: PLC0415 - after the first paint

            said = f"{place.layer} {role_words(place)} is taken out; ctrl+z in the text brings it back"
            self._change(lambda text: edits.without_slot(text, place), said)

    def do_matrix_up(self) -> None:
        """The fallback one place earlier."""
        self._move(-1)

    def do_matrix_down(self) -> None:
        """The fallback one place later."""
        self._move(1)

    def _move(self, by: int) -> None:
        place = self._place()
        if place is None:
            return
        if place.role != "fallback":
            self._at.peak.say("only fallbacks stand in an order")
            return
        from peak_console.operations import matrix_edits as edits  # noqa: PLC0415 - after the first paint

        fallbacks = self._fallbacks(place.layer)
        self._change(lambda text: edits.moved(text, fallbacks, place.position, by), "")
        self._at.follow((place.layer, place.role, place.position + by))
