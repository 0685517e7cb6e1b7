/**
 * Landmarks → the upright crop that the face recogniser knows.
 *
 * Reference: insightface 0.7.3 `utils/face_align.py` (`norm_crop`) with scikit-image 0.26 `SimilarityTransform` and OpenCV 5 `warpAffine`.
 */
import { PipelineError } from '../errors.ts';
import { blankPicture, type Picture } from '../image/picture.ts';

/** Where eyes, nose and corners of the mouth lie in a crop of 112 pixels (ArcFace's template). */
const template = [
  [38.2946, 51.6963],
  [73.5318, 51.5014],
  [56.0252, 71.7366],
  [41.5493, 92.3655],
  [70.7299, 92.2041],
] as const;

/** x' = m₀x + m₁y + m₂, y' = m₃x + m₄y + m₅ */
export type AffineMatrix = readonly [number, number, number, number, number, number];

/** The least-squares similarity without reflection from five landmarks (x, y each) to the template (Umeyama 1991), in float64. */
export function alignmentMatrix(landmarks: ArrayLike<number>, size = 112): AffineMatrix {
  const n = template.length;
  const mean = { x: 0, y: 0, u: 0, v: 0 };
  const points = template.map(([tx, ty], i) => {
    const point = { x: landmarks[2 * i]!, y: landmarks[2 * i + 1]!, u: (tx * size) / 112, v: (ty * size) / 112 };
    for (const key of ['x', 'y', 'u', 'v'] as const) mean[key] += point[key] / n;
    return point;
  });
  // In the plane the rotation of Umeyama's SVD has a closed form: it maximises Σ ⟨R·p, q⟩ over centred points.
  let [along, across, spread] = [0, 0, 0];
  for (const point of points) {
    const [x, y, u, v] = [point.x - mean.x, point.y - mean.y, point.u - mean.u, point.v - mean.v];
    along += x * u + y * v;
    across += x * v - y * u;
    spread += x * x + y * y;
  }
  if (!(spread > 0))
    throw new PipelineError('invalid_argument', 'The five landmarks are one and the same point.', { landmarks: Array.from(landmarks) });
  const [a, b] = [along / spread, across / spread];
  return [a, -b, mean.u - a * mean.x + b * mean.y, b, a, mean.v - b * mean.x - a * mean.y];
}

/**
 * Pixel (x, y) of the crop reads the picture at matrix⁻¹·(x, y, 1), bilinear and exact; neighbours outside count as black.
 * OpenCV 5 is within 1 grey level; OpenCV 4 rounds positions to 1/32 pixel, which costs up to 4.
 */
export function warpAffine(picture: Picture, [a, b, c, d, e, f]: AffineMatrix, width: number, height: number): Picture {
  const { channels, data } = picture;
  const determinant = a * e - b * d;
  const crop = blankPicture(width, height, channels);
  for (let v = 0, o = 0; v < height; v++) {
    for (let u = 0; u < width; u++) {
      const x = (e * (u - c) - b * (v - f)) / determinant;
      const y = (a * (v - f) - d * (u - c)) / determinant;
      const [x0, y0] = [Math.floor(x), Math.floor(y)];
      const [fx, fy] = [x - x0, y - y0];
      for (let k = 0; k < channels; k++) {
        const at = (px: number, py: number) =>
          px < 0 || py < 0 || px >= picture.width || py >= picture.height ? 0 : data[(py * picture.width + px) * channels + k]!;
        const upper = at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx;
        const lower = at(x0, y0 + 1) * (1 - fx) + at(x0 + 1, y0 + 1) * fx;
        crop.data[o++] = Math.round(upper * (1 - fy) + lower * fy);
      }
    }
  }
  return crop;
}

/** The square crop around one face, 112 pixels for the recogniser. */
export function alignFace(picture: Picture, landmarks: ArrayLike<number>, size = 112): Picture {
  return warpAffine(picture, alignmentMatrix(landmarks, size), size, size);
}
