/** Where things on a head lie in the frame: a head turned, nodded and tilted, in coordinates of its own. */
import { clamp } from '../canvas/colour.ts';
import { smooth, transform, type Path, type Place } from '../canvas/path.ts';
import type { Identity } from './identity.ts';

export interface Pose {
  /** Radians: to the picture's right, downward, clockwise. */
  readonly yaw: number;
  readonly pitch: number;
  readonly roll: number;
  /** Half the height of the head, and where its middle is, in units of the frame. */
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

/** How far the middle of the face moves when the head turns by one radian. */
const REACH = 0.56;

/**
 * Head coordinates: u to the picture's right, v down, in half heights of the head; (0, −1) is the crown, (0, 1) the chin. A place of the
 * face lies before the plane of the silhouette by its depth, so turning the head moves it against the outline.
 */
export class Head {
  readonly identity: Identity;
  readonly pose: Pose;
  private readonly side: number;
  private readonly nod: number;
  private readonly cos: number;
  private readonly sin: number;

  constructor(identity: Identity, pose: Pose) {
    this.identity = identity;
    this.pose = pose;
    this.side = Math.sin(pose.yaw) * REACH;
    this.nod = Math.sin(pose.pitch) * REACH;
    this.cos = Math.cos(pose.roll) * pose.scale;
    this.sin = Math.sin(pose.roll) * pose.scale;
  }

  /** 0 at the silhouette, about 1 in the middle of the face. */
  depth(u: number, v: number): number {
    const a = u / this.identity.faceWidth;
    const b = (v - 0.1) / 1.2;
    const left = 1 - 0.92 * a * a - 0.85 * b * b;
    return left > 0 ? Math.sqrt(left) : 0;
  }

  /** (u, v) at a depth → a place of the frame. */
  readonly at = (u: number, v: number, depth: number): Place => {
    const x = u + this.side * depth;
    const y = v + this.nod * depth;
    return [this.pose.x + x * this.cos - y * this.sin, this.pose.y + x * this.sin + y * this.cos];
  };

  /** On the surface of the face. */
  readonly onFace = (u: number, v: number): Place => this.at(u, v, this.depth(u, v));

  /** Beside or behind the face: hair, ears, hats. */
  readonly beside =
    (depth: number) =>
    (u: number, v: number): Place =>
      this.at(u, v, depth);

  /** The face coordinates under a place of the frame, by three steps of iteration; outside the face those of the silhouette's plane. */
  locate(x: number, y: number, out: Float32Array): void {
    const { pose, cos, sin } = this;
    const s = pose.scale * pose.scale;
    const dx = x - pose.x;
    const dy = y - pose.y;
    const pu = (dx * cos + dy * sin) / s;
    const pv = (dy * cos - dx * sin) / s;
    let u = pu;
    let v = pv;
    for (let i = 0; i < 3; i++) {
      const depth = this.depth(u, v);
      u = pu - this.side * depth;
      v = pv - this.nod * depth;
    }
    out[0] = u;
    out[1] = v;
  }

  /** Half the width of the head at height v, for the silhouette from the temples up. */
  skull(v: number): number {
    const t = clamp((v + 1) / 1.0);
    return this.identity.faceWidth * 0.985 * Math.sqrt(Math.max(0, 1 - (1 - t) ** 2.4));
  }

  /** The outline of the face with the skull, in the frame. */
  outline(): Path {
    const { faceWidth: w, jawWidth, chinWidth, cheekFullness } = this.identity;
    const jaw = w * jawWidth;
    const cheek = w * (0.93 + 0.06 * cheekFullness);
    const right: Place[] = [
      [0, -1],
      [w * 0.52, -0.88],
      [w * 0.86, -0.58],
      [w * 0.98, -0.22],
      [w, 0.06],
      [cheek, 0.34],
      [jaw * 0.96, 0.56],
      [jaw * 0.66 + chinWidth * 0.2, 0.8],
      [chinWidth * 0.85, 0.95],
      [0, 1],
    ];
    const left = right
      .slice(1, -1)
      .map(([u, v]): Place => [-u, v])
      .toReversed();
    // The jaw comes forward with the chin; the skull stays where it is.
    return transform(smooth([...right, ...left], true, 5), (u, v) => this.at(u, v, 0.55 * clamp((v + 0.1) / 1.1)));
  }
}
