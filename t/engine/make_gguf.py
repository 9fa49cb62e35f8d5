#!/usr/bin/env python3
"""Writes a tiny model that a real engine loads: random weights, real format.

    make_gguf.py [--pooling] [--seed N] FILE

Architecture llama, 2 layers, 64 wide, 4 heads, under 1 MB.  What it says is
noise, but it says it one token at a time, counts its tokens and never wants to
stop by itself: a test bounds the answer by max_tokens or a stop string.

The first number of every token's vector is a constant that no layer writes to,
so it reaches the output as it was.  The output layer uses it as a bias: the
tokens that are printable ASCII get a raised score, all others (<unk>, <s>,
</s>, raw bytes) one they can't win with.  That keeps answers valid UTF-8.

With --pooling the file says that embeddings are the mean over the tokens, so
that the engine gives one vector a text.
"""

import argparse

import gguf
import numpy

LAYERS = 2
WIDTH = 64
HEADS = 4
FEED_FORWARD = 128
CONTEXT = 16384

UNKNOWN, BOS, EOS = 0, 1, 2

NORMAL_TYPE = 1
UNKNOWN_TYPE = 2
CONTROL_TYPE = 3
BYTE_TYPE = 6

SPACE = "\u2581"

WORDS = (
    "the of and to in is you that it he was for on are with as his they be "
    "at one have this from or had by hot word but what some we can out other "
    "were all there when up use your how said an each she which do their time"
).split()

CHAT = (
    "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n"
    "{% endfor %}[assistant]"
)


def vocabulary():
    """Token texts, scores and types, in the order of their ids."""

    tokens = [("<unk>", 0.0, UNKNOWN_TYPE), ("<s>", 0.0, CONTROL_TYPE),
              ("</s>", 0.0, CONTROL_TYPE)]

    tokens += [(f"<0x{i:02X}>", 0.0, BYTE_TYPE) for i in range(256)]

    # Single characters, then what they may be merged into.  A tokenizer of
    # this kind merges pairs only, so each word's beginnings are tokens too;
    # the longer one wins.
    plain = [SPACE] + [chr(c) for c in range(0x21, 0x7F)]

    for word in WORDS:
        word = SPACE + word
        plain += [word[:n] for n in range(2, len(word) + 1)]

    plain = list(dict.fromkeys(plain))
    tokens += [(t, len(t) - 100.0, NORMAL_TYPE) for t in plain]

    return tokens


def weights(tokens, seed):
    """Every tensor the architecture wants, by name."""

    random = numpy.random.default_rng(seed)
    count = len(tokens)

    def matrix(rows, columns, scale=1.0):
        m = random.standard_normal((rows, columns)) * scale / columns ** 0.5
        return m.astype(numpy.float32)

    def ones():
        return numpy.ones(WIDTH, dtype=numpy.float32)

    embedding = matrix(count, WIDTH, WIDTH ** 0.5)
    embedding[:, 0] = 4.0

    output = matrix(count, WIDTH, 4.0)
    output[:, 0] = [2.0 if kind == NORMAL_TYPE else -100.0
                    for _, _, kind in tokens]

    tensors = {"token_embd.weight": embedding,
               "output_norm.weight": ones(),
               "output.weight": output}

    for i in range(LAYERS):
        layer = {"attn_norm": ones(),
                 "attn_q": matrix(WIDTH, WIDTH),
                 "attn_k": matrix(WIDTH, WIDTH),
                 "attn_v": matrix(WIDTH, WIDTH),
                 "attn_output": matrix(WIDTH, WIDTH),
                 "ffn_norm": ones(),
                 "ffn_gate": matrix(FEED_FORWARD, WIDTH),
                 "ffn_up": matrix(FEED_FORWARD, WIDTH),
                 "ffn_down": matrix(WIDTH, FEED_FORWARD)}

        layer["attn_output"][0, :] = 0.0
        layer["ffn_down"][0, :] = 0.0

        tensors.update((f"blk.{i}.{name}.weight", value)
                       for name, value in layer.items())

    return tensors


def write(path, pooling, seed):
    tokens = vocabulary()
    texts, scores, types = zip(*tokens)

    w = gguf.GGUFWriter(path, "llama")

    w.add_name("tiny-random")
    w.add_context_length(CONTEXT)
    w.add_embedding_length(WIDTH)
    w.add_block_count(LAYERS)
    w.add_feed_forward_length(FEED_FORWARD)
    w.add_head_count(HEADS)
    w.add_head_count_kv(HEADS)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(WIDTH // HEADS)
    w.add_vocab_size(len(tokens))
    w.add_file_type(gguf.LlamaFileType.ALL_F32)

    if pooling:
        w.add_pooling_type(gguf.PoolingType.MEAN)

    w.add_tokenizer_model("llama")
    w.add_token_list(list(texts))
    w.add_token_scores(list(scores))
    w.add_token_types(list(types))
    w.add_unk_token_id(UNKNOWN)
    w.add_bos_token_id(BOS)
    w.add_eos_token_id(EOS)
    w.add_add_bos_token(True)
    w.add_add_eos_token(False)
    w.add_chat_template(CHAT)

    for name, value in weights(tokens, seed).items():
        w.add_tensor(name, value)

    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    parser = argparse.ArgumentParser(description="write a tiny random model")
    parser.add_argument("--pooling", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("file")
    args = parser.parse_args()

    write(args.file, args.pooling, args.seed)


if __name__ == "__main__":
    main()
