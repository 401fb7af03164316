"""Paint the synthetic street itself: sky, skyline, ground and what faces the street on both sides."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.data.scenes.canvas import Camera, Canvas, Floats
from bench.data.scenes.classes import BUILDING, FENCE, ROAD, SIDEWALK, SKY, VEGETATION, VOID
from bench.data.scenes.street import END_OF_STREET_M, Plot, Side, Street

FAR_M = 1e6


def paint_sky(canvas: Canvas, camera: Camera, street: Street, clouds: Floats) -> None:
    """Paint the sky with its clouds over the whole frame, and a dim skyline on the horizon."""
    weather = street.weather
    last = min(int(camera.horizon_px + 1.0), camera.height)
    height = np.maximum((camera.horizon_px - canvas.rows[:last]) / camera.horizon_px, 0.0)
    low, high = np.array(weather.sky_low, np.float32), np.array(weather.sky_high, np.float32)
    clear = low + (high - low) * height[:, None]
    cover = np.minimum(np.maximum(clouds[:last] * 2.0 - 0.2, 0.0), 1.0) * (0.6 * weather.clouds)
    canvas.image[:last] = clear[:, None, :] + cover[:, :, None] * (np.float32(236) - clear)[:, None, :]
    canvas.label[:last] = SKY
    canvas.at_depth(END_OF_STREET_M)
    skyline = camera.horizon_px - camera.focal_px * (7.0 + 5.0 * clouds[0] + 3.0 * clouds[-1]) / 150.0
    for class_id, colour, rise in (
        (BUILDING, street.left.plots[-1].colour, 1.0),
        (VEGETATION, street.grass, 0.6),
    ):
        top = camera.horizon_px - (camera.horizon_px - skyline) * rise
        if class_id == VEGETATION:
            top = top + camera.focal_px * 0.02 * clouds[clouds.shape[0] // 2]
        mask = canvas.rows[:last, None] >= top[None, :]
        canvas.label[:last][mask] = class_id
        canvas.image[:last][mask] = canvas.seen(colour)


def paint_ground(canvas: Canvas, camera: Camera, street: Street) -> None:
    """Paint everything below the horizon as road, sidewalk or verge, with lane marks, rails and shade."""
    first = int(camera.horizon_px + 1.0)
    rows = canvas.rows[first:]
    if rows.size == 0:
        return
    z = np.minimum(camera.focal_px * camera.eye_m / (rows - camera.horizon_px), 400.0).astype(np.float32)
    across = (canvas.columns - camera.centre_px) / camera.focal_px
    t: Floats = across[None, :] * z[:, None] - (camera.curve_per_m * z * z)[:, None]
    left, right = street.left, street.right
    zone = (t > -left.walk_m).astype(np.uint8)
    for edge in (-left.road_m, right.road_m, right.walk_m):
        zone += t > edge
    if street.crossing_m is not None:
        zone[(z > street.crossing_m) & (z < street.crossing_m + 9.0)] = 2
    classes = np.array((left.verge, SIDEWALK, ROAD, SIDEWALK, right.verge), np.uint8)
    colours = np.array(
        [street.asphalt if c == ROAD else street.paving if c == SIDEWALK else street.grass for c in classes],
        np.float32,
    )
    canvas.label[first:] = classes[zone]
    image = colours[zone]
    pixel_m = z / camera.focal_px
    _paint_marks(image, zone, t, z, pixel_m=pixel_m, street=street)
    if street.weather.shadow_reach_m > 0.0:
        hand = street.weather.shadow_hand
        shaded = t * hand > (right.road_m if hand > 0 else left.road_m) - street.weather.shadow_reach_m
        image[shaded] *= np.float32(1.0 - street.weather.shadow)
    clear = (1.0 / (1.0 + canvas.haze_per_m * z)).astype(np.float32)[:, None, None]
    haze = np.array(canvas.haze, np.float32)
    canvas.image[first:] = image * clear + haze * (np.float32(1) - clear)


def _paint_marks(
    image: Floats, zone: NDArray[np.uint8], t: Floats, z: Floats, *, pixel_m: Floats, street: Street
) -> None:
    """Paint kerb stones, joints between slabs, lane marks, a zebra crossing and rails into the ground."""
    road = zone == 2
    walk = (zone == 1) | (zone == 3)
    joints = (z - np.floor(z / 1.2) * 1.2) < 0.05 + 0.3 * pixel_m
    joints &= pixel_m < 0.08
    image[walk & joints[:, None]] *= np.float32(0.93)
    for edge, hand in ((street.left.road_m, -1.0), (street.right.road_m, 1.0)):
        beyond = t * hand - edge
        kerb = walk & (beyond > 0.0) & (beyond < np.maximum(0.22, 0.6 * pixel_m)[:, None])
        image[kerb] *= np.float32(1.16)
    half = np.maximum(0.07, 0.45 * pixel_m)[:, None]
    dash = (z - np.floor(z / 7.0) * 7.0) < 3.2
    line = (np.abs(t - street.middle_m) < half) & dash[:, None]
    edge_m = street.right.road_m - (2.2 if street.right.parking else 0.35)
    line |= np.abs(t - edge_m) < half
    if street.crossing_m is not None:
        stripe = (t - np.floor(t)) < 0.5
        zebra = (z > street.crossing_m - 3.4) & (z < street.crossing_m - 0.6)
        line[zebra] = stripe[zebra]
        line[z > street.crossing_m - 0.6] &= (z[z > street.crossing_m - 0.6] > street.crossing_m + 9.0)[
            :, None
        ]
    if street.rails_m is not None:
        rails = np.abs(np.abs(t - street.rails_m) - 0.72) < half * 0.8
        image[rails & road] *= np.float32(0.55)
    line &= road
    image[line] += (np.float32(206) - image[line]) * np.float32(0.7)


@dataclass(frozen=True)
class _Faces:
    """One upright face a column: its plot, depth (m), place along the plot (m) and shade."""

    columns: slice
    plots: tuple[Plot, ...]
    plot_of: NDArray[np.intp]
    z: Floats
    along: Floats
    shade: Floats


def depth_of_plane(canvas: Canvas, camera: Camera, side: Side, lateral_m: float) -> Floats:
    """Return how far away each column's ray meets an upright plane along the street, else FAR_M.

    The plane at lateral L on the bending street is met where ``k z**2 - x z + L = 0``.
    """
    x = (canvas.columns - camera.centre_px) / camera.focal_px * side.hand
    k = side.hand * camera.curve_per_m
    root = x * x - 4.0 * k * lateral_m
    reach = x + np.sqrt(np.maximum(root, 0.0))
    meets = (root >= 0.0) & (reach > 1e-6)
    depth = np.where(meets, 2.0 * lateral_m / np.where(meets, reach, 1.0), FAR_M)
    return np.minimum(depth, FAR_M).astype(np.float32)


def paint_facades(canvas: Canvas, camera: Camera, street: Street, leaves: Floats) -> None:
    """Paint the buildings and groves of both sides, each column from the side that it meets first."""
    depths = [depth_of_plane(canvas, camera, side, side.facade_m) for side in (street.left, street.right)]
    shades = (street.weather.shade_left, street.weather.shade_right)
    for number, side in enumerate((street.left, street.right)):
        seen = np.flatnonzero((depths[number] < depths[1 - number]) & (depths[number] < END_OF_STREET_M))
        if seen.size == 0:
            continue
        columns = slice(int(seen[0]), int(seen[-1]) + 1)
        z = depths[number][columns]
        across = (canvas.columns[columns] - camera.centre_px) / camera.focal_px * side.hand
        along, z, plot_of, turned = _look_through_gaps(side, camera, across, z)
        shade = np.where(turned, street.weather.shade_front, shades[number]).astype(np.float32)
        _paint_faces(canvas, camera, _Faces(columns, side.plots, plot_of, z, along, shade), leaves)


def _look_through_gaps(
    side: Side, camera: Camera, across: Floats, z: Floats
) -> tuple[Floats, Floats, NDArray[np.intp], NDArray[np.bool_]]:
    """Let rays that meet an open plot go on to the flank of the plot behind it.

    Returns the place along the face (m), depth (m), plot and whether it is a flank, for each column.
    """
    ends = np.array([plot.far_m for plot in side.plots], np.float32)
    is_open = np.array([plot.class_id is None for plot in side.plots] + [True])
    plot_of = np.searchsorted(ends, z, side="right")
    turned = is_open[plot_of] & (plot_of + 1 < len(ends))
    behind = ends[np.minimum(plot_of, len(ends) - 1)]
    lateral = across * behind - side.hand * camera.curve_per_m * behind * behind
    z = np.where(turned, behind, z).astype(np.float32)
    along = np.where(turned, lateral, z).astype(np.float32)
    return along, z, plot_of + turned, turned


def paint_borders(canvas: Canvas, camera: Camera, street: Street, leaves: Floats) -> None:
    """Paint walls, fences and hedges along the back of the sidewalks."""
    shades = (street.weather.shade_left, street.weather.shade_right)
    for side, shade in zip((street.left, street.right), shades, strict=True):
        depth = depth_of_plane(canvas, camera, side, side.walk_m)
        seen = np.flatnonzero(depth < 70.0)
        if seen.size == 0:
            continue
        columns = slice(int(seen[0]), int(seen[-1]) + 1)
        z = np.minimum(depth[columns], END_OF_STREET_M - 1.0)
        plot_of = np.searchsorted(
            np.array([plot.far_m for plot in side.borders], np.float32), z, side="right"
        )
        shading = np.full(z.shape, shade, np.float32)
        _paint_faces(canvas, camera, _Faces(columns, side.borders, plot_of, z, z, shading), leaves)


def _paint_faces(canvas: Canvas, camera: Camera, faces: _Faces, leaves: Floats) -> None:
    """Paint the faces, with windows, slats or ragged leaves."""
    plots, columns, z = faces.plots, faces.columns, faces.z
    plot_of = np.minimum(faces.plot_of, len(plots) - 1)
    kinds = np.array([VOID if plot.class_id is None else plot.class_id for plot in plots], np.uint8)[plot_of]
    top = np.array([plot.height_m for plot in plots], np.float32)[plot_of]
    z_near = float(z.min())
    # only the rows above the lowest foot are worked on
    last = int(min(camera.horizon_px + camera.focal_px * camera.eye_m / z_near + 1.0, camera.height))
    below = canvas.rows[:last, None] - camera.horizon_px
    up = (camera.eye_m - below * (z / camera.focal_px)[None, :]).astype(np.float32, copy=False)
    ragged = top * np.where(kinds == VEGETATION, np.float32(0.22), np.float32(0))
    mask = (up > 0.0) & (up < top + ragged * leaves[:last, columns]) & (kinds != VOID)
    colour = np.array([plot.colour for plot in plots], np.float32)[plot_of] * faces.shade[:, None]
    clear = (1.0 / (1.0 + canvas.haze_per_m * z))[:, None]
    hazy = np.array(canvas.haze, np.float32) * (1.0 - clear)
    base = colour * clear + hazy
    dark = (colour * 0.25 + np.array((16.0, 22.0, 30.0), np.float32)) * clear + hazy
    pattern = _pattern(faces, kinds, up, top)
    face = base[None] + (dark - base)[None] * pattern[:, :, None]
    np.copyto(canvas.image[:last, columns], face, where=mask[:, :, None])
    np.copyto(canvas.label[:last, columns], np.broadcast_to(kinds, mask.shape), where=mask)


def _pattern(faces: _Faces, kinds: NDArray[np.uint8], up: Floats, top: Floats) -> Floats:
    """Return how much of the dark colour shows, 0..1: windows of buildings, gaps between a fence's slats."""
    plot_of = np.minimum(faces.plot_of, len(faces.plots) - 1)
    storey = np.array([plot.storey_m for plot in faces.plots], np.float32)[plot_of]
    bay = np.array([plot.bay_m for plot in faces.plots], np.float32)[plot_of]
    building, fence = kinds == BUILDING, kinds == FENCE
    part = faces.along / bay
    part = part - np.floor(part)
    # a pattern finer than the pixels fades into its mean instead of flickering
    step = np.zeros_like(part)
    step[1:] = np.abs(faces.along[1:] - faces.along[:-1])
    sharp = np.minimum(np.maximum(1.4 - 2.0 * step / bay, 0.0), 1.0)
    across = np.where(building, (part > 0.28) & (part < 0.74), part > 0.6) * sharp + 0.4 * (1.0 - sharp)
    floor = up / storey
    floor = floor - np.floor(floor)
    window = building & (floor > 0.3) & (floor < 0.8) & (up < top - 0.6)
    slat = fence & (up > 0.12) & (up < top - 0.1)
    cornice = building & (up > top - 0.35)
    pattern: Floats = (window * np.float32(0.85) + slat * np.float32(0.5)) * across + cornice * np.float32(
        0.25
    )
    return pattern
