from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.renewal_state import RenewalState

if TYPE_CHECKING:
    from ..models.agreement import Agreement


T = TypeVar("T", bound="Renewal")


@_attrs_define
class Renewal:
    """How far it is. `ready` can be switched; `switched` rolled back or finished.

    Attributes:
        state (RenewalState): At which point the change is.
        before (str): The model changed from.
        after (str): The model changed to.
        faces (int): Faces of the collection.
        done (int): Faces with features of both models.
        missing (int): Faces without a crop to embed; renewal/missing lists them.
        failed (int): Kept crops that turned out to be none; missing now.
        faces_per_second (float | None): How fast it goes; null until some were embedded.
        seconds_left (float | None): Until all are embedded, at that speed.
        error (None | str): Why it does not go on.
        agreement (Agreement | None): Null until it is ready.
    """

    state: RenewalState
    before: str
    after: str
    faces: int
    done: int
    missing: int
    failed: int
    faces_per_second: float | None
    seconds_left: float | None
    error: None | str
    agreement: Agreement | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.agreement import Agreement  # noqa: PLC0415

        state = self.state.value

        before = self.before

        after = self.after

        faces = self.faces

        done = self.done

        missing = self.missing

        failed = self.failed

        faces_per_second: float | None
        faces_per_second = self.faces_per_second

        seconds_left: float | None
        seconds_left = self.seconds_left

        error: None | str
        error = self.error

        agreement: dict[str, Any] | None
        if isinstance(self.agreement, Agreement):
            agreement = self.agreement.to_dict()
        else:
            agreement = self.agreement

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "state": state,
                "before": before,
                "after": after,
                "faces": faces,
                "done": done,
                "missing": missing,
                "failed": failed,
                "faces_per_second": faces_per_second,
                "seconds_left": seconds_left,
                "error": error,
                "agreement": agreement,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.agreement import Agreement  # noqa: PLC0415

        d = dict(src_dict)
        state = RenewalState(d.pop("state"))

        before = d.pop("before")

        after = d.pop("after")

        faces = d.pop("faces")

        done = d.pop("done")

        missing = d.pop("missing")

        failed = d.pop("failed")

        def _parse_faces_per_second(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        faces_per_second = _parse_faces_per_second(d.pop("faces_per_second"))

        def _parse_seconds_left(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        seconds_left = _parse_seconds_left(d.pop("seconds_left"))

        def _parse_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error = _parse_error(d.pop("error"))

        def _parse_agreement(data: object) -> Agreement | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                agreement_type_0 = Agreement.from_dict(data)

                return agreement_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Agreement | None, data)

        agreement = _parse_agreement(d.pop("agreement"))

        renewal = cls(
            state=state,
            before=before,
            after=after,
            faces=faces,
            done=done,
            missing=missing,
            failed=failed,
            faces_per_second=faces_per_second,
            seconds_left=seconds_left,
            error=error,
            agreement=agreement,
        )

        renewal.additional_properties = d
        return renewal

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
