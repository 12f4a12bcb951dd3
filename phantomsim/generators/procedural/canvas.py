"""Painting organs in order, with partial volumes at their edges, each organ as large as asked.

A field is negative inside, in millimetres about the distance to the surface. A voxel's coverage follows from it to
first order: clip(1/2 - field / voxel, 0, 1). Painting lays an organ over what is there (Porter and Duff 1984,
doi:10.1145/800031.808606, "over"); a voxel keeps the two organs that fill most of it.

Organs touch and mould each other but never overlap: the level at which an organ holds its volume is solved in the room
that its neighbours leave. Levels are solved once on a coarse grid of the whole region; then the same
patient can be painted on any grid, slab by slab, where what lies outside a slab costs it nothing (see `painting`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.painted import Painted, among, bytes_of, over, packed, unpacked
from phantomsim.generators.procedural.shapes import Point

Numbers = dict[str, jax.Array]
Draw = Callable[["Canvas", Numbers], None]
Number = jax.Array | float
Organ = str | tuple[str, str] | jax.Array
Field = jax.Array | Callable[[], jax.Array]
REACH_MM = 60.0  # how far a level may lie from the drawn surface
_UNSEEN = 2.0  # voxels of the plan by which an organ may reach beyond those that hold some of it
_STEPS, _CLOSE = 20, 2e-5  # at most so many steps towards a level; a volume is met within this share of it


class Taken(NamedTuple):
    """Thin things: their middles (x, y, z) [mm], [thing] each, and volumes [mL], [thing]."""

    p: Point
    volume_mL: jax.Array


class Canvas:
    """Organs of a grid while they are painted.

    Attributes:
        p: where voxels are, (x, y, z) [mm], broadcasting together.
        organs: names, in the order of the labels; all is the first organ (air) at the start.
        voxel_mm: edge of a voxel [mm].
        per_cm: static bound on the number of voxels in 10 mm, from which boxes around small things get their shape.
        levels: solved or given levels by name [mm].
        volumes_mL: what each level gave; in the plan.
    """

    def __init__(self, p: Point, organs: Sequence[str], voxel_mm: Number, per_cm: int, levels: Numbers | None) -> None:
        self.p = p
        self.organs = tuple(organs)
        self.voxel_mm, self.voxel_mL = voxel_mm, voxel_mm**3 / 1000.0
        self.per_cm = per_cm
        self.solve = levels is None
        self.levels: Numbers = dict(levels or {})
        self.volumes_mL: Numbers = {}
        self.shape = jnp.broadcast_shapes(*(a.shape for a in p))
        self._ink = jnp.zeros(self.shape, jnp.uint32)

    @property
    def now(self) -> Painted:
        """What is painted so far."""
        return bytes_of(unpacked(self._ink))

    def scale(self, factor: Number) -> None:
        """Draw all that follows larger by a factor: places and distances are in millimetres of the usual size."""
        x, y, z = self.p
        self.p, self.voxel_mm = (x / factor, y / factor, z / factor), self.voxel_mm / factor

    def index(self, organ: Organ) -> jax.Array:
        """Label of an organ, uint32; of a pair, by the side of each voxel."""
        if isinstance(organ, jax.Array):
            return organ
        if isinstance(organ, str):
            return jnp.uint32(self.organs.index(organ))
        left, right = (jnp.uint32(self.organs.index(name)) for name in organ)
        return jnp.where(self.p[0] > 0, right, left)

    def cover(self, field: jax.Array, finer: int = 1) -> jax.Array:
        """Share of each voxel that lies inside [1], of so many (static) samples along each edge of a voxel."""
        return pooled(jnp.clip(0.5 - field * (finer / self.voxel_mm), 0.0, 1.0), finer)

    def tube(self, distance_mm: jax.Array, radius_mm: Number) -> jax.Array:
        """Field [mm] of a tube, from the distance to its centre line, that keeps its cross-section at any voxel size.

        A linear edge of width h adds to a disc: pi (r^2 + h^2 / 12). Where the tube is thinner than h / sqrt(3), it is
        drawn as a cone of radius h whose height gives pi r^2.
        """
        h, r = self.voxel_mm, jnp.asarray(radius_mm, jnp.float32)
        drawn = jnp.sqrt(jnp.maximum(r * r - h * h / 12.0, 0.25 * h * h))
        return self.field(jnp.minimum(3.0 * r * r / (h * h), 1.0) * self.cover(distance_mm - drawn))

    def sheet(self, distance_mm: jax.Array, thickness_mm: Number) -> jax.Array:
        """Field [mm] of a sheet, from the (signed) distance to its middle, that keeps its volume at any voxel size."""
        h, t = self.voxel_mm, jnp.asarray(thickness_mm, jnp.float32)
        return self.field(jnp.minimum(t / h, 1.0) * self.cover(jnp.abs(distance_mm) - 0.5 * jnp.maximum(t, h)))

    def field(self, cover: jax.Array) -> jax.Array:
        """The field that `cover` turns into this share."""
        return (0.5 - cover) * self.voxel_mm

    def of(self, *organs: str) -> jax.Array:
        """Share of each voxel that these organs fill now [1]."""
        now = unpacked(self._ink)
        first, second = self._among(now, organs)
        return first * (1.0 - now.share) + second * now.share

    def put(
        self,
        organ: Organ,
        field: Field,
        on: Sequence[str] = (),
        where: jax.Array | None = None,
        z_mm: tuple[Number, Number] | None = None,
        about: jax.Array | None = None,
    ) -> None:
        """Paint an organ.

        Args:
            organ: its name; or two, of the left one (x < 0) and the right one; or a label for each voxel, uint32.
            field: [mm], negative inside; or a function that gives it, called only where `z_mm` says that it may lie.
            on: the organs that it may take; any, where empty.
            where: a further mask (bool) or share [1]; the mask's own edge stays hard.
            z_mm: lowest and highest z of the organ; slabs elsewhere do not draw it.
            about: cover of what the organ is laid about, where the edges of both run together; see `outside`.
        """

        def draw(ink: jax.Array) -> jax.Array:
            cover = outside(about, self.cover(field() if callable(field) else field))
            return self._over(ink, self.index(organ), cover if where is None else cover * where, on)

        self._where(None if z_mm is None else self.reaches(z_mm), draw)

    def puts(
        self,
        organs: Sequence[str | tuple[str, str]],
        rows: jax.Array,
        field: Callable[[jax.Array], jax.Array],
        on: Sequence[str],
        z_mm: tuple[Number, Number],
    ) -> None:
        """Paint several organs of one kind one after the other, by one compiled body.

        Args:
            organs: names, or pairs, as of `put`.
            rows: what tells them apart, [organ, ...]; `field` of a row is an organ's field [mm].
        """
        pairs = [(o, o) if isinstance(o, str) else o for o in organs]
        labels = jnp.array([[self.organs.index(name) for name in pair] for pair in pairs], jnp.uint32)

        def step(ink: jax.Array, each: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            label, row = each
            index = jnp.where(self.p[0] > 0, label[1], label[0])
            return self._over(ink, index, self.cover(field(row)), on), None

        self._where(self.reaches(z_mm), lambda ink: jax.lax.scan(step, ink, (labels, rows))[0])

    def within(self, name: str, draw: Callable[[], object]) -> None:
        """Let `draw` paint some organs; slabs that the plan found none of them in do not call it.

        Args:
            name: of what is drawn; unique among those of a canvas.
        """
        if self.solve:
            before = self._ink
            draw()
            self.levels[f"{name} z_mm"] = self._reached(self._ink != before)
            return

        def inside(ink: jax.Array) -> jax.Array:
            self._ink = ink
            draw()
            return self._ink

        low, high, bottom, top = self.levels[f"{name} z_mm"]
        z, h = self.p[2].ravel(), self.voxel_mm
        planned = (z[0] - h > bottom) & (z[-1] + h < top)  # the plan knows nothing of what lies beyond it
        self._where(~planned | self.reaches((low, high)), inside)

    def _reached(self, here: jax.Array) -> jax.Array:
        """Lowest and highest z [mm] of some voxels, with a margin for what this grid does not see; then the grid's."""
        z, margin = self.p[2].ravel(), _UNSEEN * self.voxel_mm
        rows = here.any(axis=(1, 2))
        low, high = jnp.where(rows, z, jnp.inf).min() - margin, jnp.where(rows, z, -jnp.inf).max() + margin
        return jnp.stack([low, high, z[0], z[-1]])

    def _where(self, there: jax.Array | None, draw: Callable[[jax.Array], jax.Array]) -> None:
        # Always a condition: compilers look through none, else they would draw all earlier organs again inside each
        # later one. The barrier does the same where the condition is no branch, as in a map over patients on a GPU.
        there = jnp.asarray(self.voxel_mm) > 0 if there is None else there
        self._ink = jax.lax.optimization_barrier(jax.lax.cond(there, draw, lambda same: same, self._ink))

    def _over(self, ink: jax.Array, label: jax.Array, cover: jax.Array, on: Sequence[str]) -> jax.Array:
        now = unpacked(ink)
        takes = self._among(now, on) if on else (jnp.float32(1.0), jnp.float32(1.0))
        return packed(over(now, label, cover, *takes))

    def reaches(self, z_mm: tuple[Number, Number]) -> jax.Array:
        """Whether the grid holds any of a range of z."""
        z = self.p[2].ravel()
        return (z[0] - self.voxel_mm < z_mm[1]) & (z[-1] + self.voxel_mm > z_mm[0])

    def level(
        self,
        name: str,
        field: jax.Array,
        room: jax.Array | Sequence[str],
        volume_mL: Number,
        finer: int = 1,
        steep: Number = 1.0,
        taken: Taken | None = None,
        about: jax.Array | None = None,
    ) -> jax.Array:
        """The level [mm] below which the field holds a volume; solved, or as planned.

        Args:
            room: what may be taken: names of organs, or a share of each voxel [1].
            finer: static; samples of the field along each edge of a voxel.
            steep: how much steeper than the field its edge is drawn.
            taken: what thin things will take from it, which are drawn later; the volume is without them.
            about: as of `put`.
        """
        if self.solve:
            (field,) = keep(field)
            per_mm = finer * steep / self.voxel_mm
            free = room if isinstance(room, jax.Array) else self.of(*room)

            def lost(level: jax.Array) -> Number:
                if taken is None:
                    return 0.0
                return (taken.volume_mL * self.cover(steep * (self.at(field, taken.p) - level))).sum()

            def volume(level: jax.Array) -> tuple[jax.Array, jax.Array]:
                cover = jnp.clip(0.5 - (field - level) * per_mm, 0.0, 1.0)
                edge = pooled((cover > 0) & (cover < 1), finer)
                slope = (edge * free).sum() * self.voxel_mL * per_mm
                return (outside(about, pooled(cover, finer)) * free).sum() * self.voxel_mL - lost(level), slope

            self.levels[name], self.volumes_mL[name] = _solve(volume, volume_mL)
        return self.levels[name]

    def at(self, values: jax.Array, p: Point) -> jax.Array:
        """Values of the voxels that hold some points (x, y, z) [mm]; of the nearest ones for those outside."""
        index = [jnp.round((q - a.ravel()[0]) / self.voxel_mm).astype(jnp.int32) for q, a in zip(p, self.p)]
        x, y, z = (jnp.clip(i, 0, n - 1) for i, n in zip(index, self.shape[::-1]))
        return values[z, y, x]

    def organ(
        self,
        organ: str | tuple[str, str],
        name: str,
        field: jax.Array,
        room: Sequence[str],
        volume_mL: Number,
        where: jax.Array | None = None,
        steep: Number = 1.0,
        taken: Taken | None = None,
        about: jax.Array | None = None,
    ) -> jax.Array:
        """Paint an organ of a given volume on what it may take (and `where`); returns its field, negative inside.

        The rest is as of `level`.
        """
        if self.solve:
            free = self.of(*room) if where is None else self.of(*room) * where
            self.level(name, field, free, volume_mL, steep=steep, taken=taken, about=about)
        field = steep * (field - self.levels[name])
        self.put(organ, field, on=room, where=where, about=about)
        return field

    def sized(
        self,
        organ: str | tuple[str, str],
        name: str,
        field: Callable[[], jax.Array],
        room: Sequence[str],
        volume_mL: Number,
        z_mm: tuple[Number, Number],
    ) -> None:
        """As `organ`, for a field that only slabs in a range of z draw; a pair has its volume together."""
        if self.solve:
            self.level(name, field(), room, volume_mL)
        self.put(organ, lambda: field() - self.levels[name], on=room, z_mm=z_mm)

    def _among(self, now: Painted, organs: Sequence[str]) -> tuple[jax.Array, jax.Array]:
        return among(now, [self.organs.index(name) for name in organs])


def _solve(volume: Callable[[jax.Array], tuple[jax.Array, jax.Array]], wanted: Number) -> tuple[jax.Array, jax.Array]:
    """The level [mm] that has a volume, and the volume that it has [mL].

    Newton's steps, and halving where one would leave the bracket; volumes are linear in pieces, so few are needed.

    Args:
        volume: of a level, rising, and its slope.
    """

    def step(state: Any) -> Any:
        steps, low, high, level, now, slope = state
        less = now < wanted
        low, high = jnp.where(less, level, low), jnp.where(less, high, level)
        newton = level + (wanted - now) / jnp.maximum(slope, 1e-9)
        level = jnp.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
        return steps + 1, low, high, level, *volume(level)

    def going(state: Any) -> jax.Array:
        return (state[0] < _STEPS) & (jnp.abs(state[4] - wanted) > _CLOSE * wanted)

    start = jnp.float32(0.0)
    first = (jnp.int32(0), jnp.float32(-REACH_MM), jnp.float32(REACH_MM), start, *volume(start))
    *_, level, there, _ = jax.lax.while_loop(going, step, first)
    return level, there


def outside(inner: jax.Array | None, cover: jax.Array) -> jax.Array:
    """Share of the room outside an inner thing that an organ about it fills [1].

    Where the edges of both run together, `cover - inner` of a voxel is the organ: it fills the room next to the inner
    thing, not an even part of the room. Were it even, a sixth of a voxel would be left empty between abutting organs.
    """
    if inner is None:
        return cover
    return jnp.clip((cover - inner) / jnp.maximum(1.0 - inner, 1e-6), 0.0, 1.0)


def pooled(samples: jax.Array, finer: int) -> jax.Array:
    """Mean over blocks of so many samples along each axis."""
    if finer == 1:
        return samples
    z, y, x = (n // finer for n in samples.shape)
    return samples.reshape(z, finer, y, finer, x, finer).mean(axis=(1, 3, 5))


def keep(*fields: jax.Array) -> tuple[jax.Array, ...]:
    """The fields, computed once: the compiler may not draw them again inside each use.

    It looks through no condition; the barrier alone is taken away before fusion on CPUs (jaxlib 0.10).
    """
    there = ~jnp.isnan(fields[0].ravel()[0])
    kept = jax.lax.cond(there, lambda *same: same, lambda *none: tuple(-v for v in none), *fields)
    return jax.lax.optimization_barrier(kept)  # type: ignore[no-any-return]
