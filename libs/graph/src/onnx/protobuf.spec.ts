import { describe, expect, it } from 'vitest';
import { Message } from './protobuf.ts';

const hex = (message: Message) => Buffer.from(message.toBytes()).toString('hex');

/** Expected bytes are those of protobuf's own encoding guide, or follow from it. */
describe('protobuf', () => {
  it.each<[string, Message, string]>([
    ['a varint', new Message().int(1, 150), '089601'],
    ['a negative int64', new Message().int(1, -1), '08ffffffffffffffffff01'],
    ['a string', new Message().string(2, 'testing'), '120774657374696e67'],
    ['a message', new Message().message(3, new Message().int(1, 150)), '1a03089601'],
    ['packed numbers', new Message().ints(6, [3, 270, 86942]), '3206038e029ea705'],
    ['a float', new Message().float(2, 1), '150000803f'],
    ['a field above 15', new Message().int(20, 1), 'a00101'],
  ])('%s', (_, message, bytes) => {
    expect(hex(message)).toBe(bytes);
  });
});
