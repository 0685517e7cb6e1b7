/**
 * The cache of Hugging Face's hub on this machine, in the layout that its Python library has (huggingface_hub, "Understand caching"), so
 * that both use the same files: `models--<owner>--<name>/{refs/<revision>, blobs/<etag>, snapshots/<commit>/<path> → blob}`.
 */
import { mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join, relative } from 'node:path';

export class HubCache {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  blob(repo: string, etag: string): string {
    return join(this.#repo(repo), 'blobs', etag);
  }

  snapshot(repo: string, commit: string): string {
    return join(this.#repo(repo), 'snapshots', commit);
  }

  /** The commit of a revision when it was asked for last. */
  async commitOf(repo: string, revision: string): Promise<string | undefined> {
    const text = await readFile(join(this.#repo(repo), 'refs', revision), 'utf8').catch(() => undefined);
    return text !== undefined && /^[0-9a-f]{7,64}$/.test(text.trim()) ? text.trim() : undefined;
  }

  /** The size of a file of a commit, when it is there. */
  async sizeOf(repo: string, commit: string, path: string): Promise<number | undefined> {
    return (await stat(join(this.snapshot(repo, commit), path)).catch(() => undefined))?.size;
  }

  async rememberCommit(repo: string, revision: string, commit: string): Promise<void> {
    if (revision === commit) return;
    const ref = join(this.#repo(repo), 'refs', revision);
    await mkdir(dirname(ref), { recursive: true });
    const fresh = `${ref}.${randomUUID()}`;
    await writeFile(fresh, commit);
    await rename(fresh, ref);
  }

  /** Shows a blob under its path in the commit. */
  async link(repo: string, commit: string, path: string, etag: string): Promise<void> {
    const at = join(this.snapshot(repo, commit), path);
    await mkdir(dirname(at), { recursive: true });
    const fresh = `${at}.${randomUUID()}`;
    await symlink(relative(dirname(at), this.blob(repo, etag)), fresh);
    await rename(fresh, at).catch(async (error: unknown) => {
      await rm(fresh, { force: true });
      throw error;
    });
  }

  #repo(repo: string): string {
    return join(this.folder, `models--${repo.replace('/', '--')}`);
  }
}
