"""One image through three formats has the same values at the same world points, read by other people's programs."""

import shutil
import subprocess

import ngff_zarr
import nibabel as nib
import numpy as np
import pydicom
import pytest
from scipy.ndimage import map_coordinates

from phantomsim.formats import dicom, nifti, zarr_store
from phantomsim.image import Image


def from_nifti(path):
    """Values at world points, by nibabel."""
    file = nib.load(path)
    values, back = file.get_fdata(), np.linalg.inv(file.affine)
    return lambda p: map_coordinates(values, back[:3, :3] @ p.T + back[:3, 3:], order=1)


def from_dicom(folder):
    """Values at world points, by pydicom and the standard's equation (PS3.3, C.7.6.2.1-1)."""
    slices = [pydicom.dcmread(f) for f in folder.iterdir()]
    slices.sort(key=lambda s: int(s.InstanceNumber))
    first, last = slices[0], slices[-1]
    row, column = np.reshape(np.array(first.ImageOrientationPatient, float), (2, 3))
    origin = np.array(first.ImagePositionPatient, float)
    step = (np.array(last.ImagePositionPatient, float) - origin) / (len(slices) - 1)
    matrix = np.stack([step, column * float(first.PixelSpacing[0]), row * float(first.PixelSpacing[1])], 1)
    values = np.stack([s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices])
    back = np.linalg.inv(matrix)
    return lambda p: map_coordinates(values, back @ (p * (-1, -1, 1) - origin).T, order=1)


def from_zarr(folder, direction):
    """Values at world points, by ngff-zarr; it has no rotation, which is taken from the grid."""
    image = ngff_zarr.from_ngff_zarr(str(folder)).images[0]
    scale = np.array([image.scale[d] for d in "zyx"])
    origin = np.array([image.translation[d] for d in "xyz"])
    values = np.asarray(image.data)
    return lambda p: map_coordinates(values, (((p - origin) @ direction)[:, ::-1] / scale).T, order=1)


def test_three_formats_agree_at_world_points(tmp_path, image):
    nifti.write(tmp_path / "a.nii.gz", image.values, image.grid)
    zarr_store.write_image(tmp_path / "a.ome.zarr", image)
    dicom.write_series(tmp_path / "dicom", image, modality="CT")
    shape = np.asarray(image.grid.shape)
    points = image.grid.world(np.random.default_rng(0).uniform(0.01, shape - 1.01, (200, 3)))
    want = map_coordinates(image.values, image.grid.index(points).T, order=1)
    np.testing.assert_allclose(from_nifti(tmp_path / "a.nii.gz")(points), want, atol=0.01)
    np.testing.assert_allclose(
        from_zarr(tmp_path / "a.ome.zarr", np.array(image.grid.direction))(points), want, atol=0.01
    )
    np.testing.assert_allclose(from_dicom(tmp_path / "dicom")(points), want, atol=0.06)  # steps of 0.05 HU


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_another_converter_makes_the_same_nifti_of_our_dicom(tmp_path, image, modality):
    program = shutil.which("dcm2niix") or pytest.importorskip("dcm2niix").bin
    dicom.write_series(tmp_path / "dicom", image, modality=modality)
    command = [program, "-o", tmp_path, "-f", "x", tmp_path / "dicom"]
    subprocess.run(command, check=True, capture_output=True)
    values, grid = nifti.read(tmp_path / "x.nii")
    np.testing.assert_allclose(values, image.values, atol=0.03)
    np.testing.assert_allclose(grid.affine, image.grid.affine, atol=1e-4)


@pytest.mark.parametrize("folder", ["heads/head_05.nii.gz", "torso/ct.nii.gz"])
def test_real_volumes_go_round_all_formats(tmp_path, data_dir, folder):
    values, grid = nifti.read(data_dir / folder)
    small = (slice(0, 20), slice(30, 80), slice(20, 90))
    grid = grid.crop((0, 30, 20), values[small].shape)
    image = Image(values[small].astype(np.float32), grid, "HU")
    dicom.write_series(tmp_path / "dicom", image, modality="CT", step=1)
    zarr_store.write_image(tmp_path / "zarr", dicom.read_series(tmp_path / "dicom"))
    back = zarr_store.read_image(tmp_path / "zarr")
    nifti.write(tmp_path / "a.nii", back.values, back.grid)
    last, place = nifti.read(tmp_path / "a.nii")
    np.testing.assert_allclose(last, image.values, atol=0.5)
    np.testing.assert_allclose(place.affine, grid.affine, atol=1e-4)
