using Palmyra.Models;

namespace Palmyra.Conversion;

/// <summary>What ggml's gpt2 architecture calls things: the metadata keys and the tensors. The one home of these names.</summary>
internal static class GgufKeys
{
    public const string Architecture = "general.architecture";
    public const string Gpt2 = "gpt2";
    public const string Type = "general.type";
    public const string Name = "general.name";
    public const string Description = "general.description";
    public const string FileType = "general.file_type";
    public const string QuantizationVersion = "general.quantization_version";

    public const string ContextLength = "gpt2.context_length";
    public const string Width = "gpt2.embedding_length";
    public const string HiddenWidth = "gpt2.feed_forward_length";
    public const string Layers = "gpt2.block_count";
    public const string Heads = "gpt2.attention.head_count";
    public const string Epsilon = "gpt2.attention.layer_norm_epsilon";

    public const string TokenizerModel = "tokenizer.ggml.model";
    public const string TokenizerSplitting = "tokenizer.ggml.pre";
    public const string Tokens = "tokenizer.ggml.tokens";
    public const string TokenTypes = "tokenizer.ggml.token_type";
    public const string Merges = "tokenizer.ggml.merges";
    public const string Bos = "tokenizer.ggml.bos_token_id";
    public const string Eos = "tokenizer.ggml.eos_token_id";

    /// <summary>End of turn: where a model has a second token that ends a text, ggml's readers stop at this one too.</summary>
    public const string Eot = "tokenizer.ggml.eot_token_id";
    public const string Unknown = "tokenizer.ggml.unknown_token_id";
    public const string Padding = "tokenizer.ggml.padding_token_id";
    public const string AddBos = "tokenizer.ggml.add_bos_token";
    public const string AddEos = "tokenizer.ggml.add_eos_token";

    /// <summary>Palmyra's own: the vocabulary stands in for one that the model came without.</summary>
    public const string MadeUpVocabulary = "palmyra.made_up_vocabulary";

    public const string TokenEmbedding = "token_embd.weight";
    public const string Head = "output.weight";

    /// <summary>Every tensor of a GPT-2 model with its name in GGUF, in the order the file is written.</summary>
    public static IEnumerable<(WeightEntry Entry, string Name)> Tensors(WeightMap map)
    {
        yield return (map.Tokens, TokenEmbedding);
        yield return (map.Positions!, "position_embd.weight");
        for (int layer = 0; layer < map.Blocks.Count; layer++)
        {
            BlockEntries block = map.Blocks[layer];
            string at = $"blk.{layer}.";
            yield return (block.Norm1Gain, at + "attn_norm.weight");
            yield return (block.Norm1Bias, at + "attn_norm.bias");
            yield return (block.Qkv[0], at + "attn_qkv.weight");
            yield return (block.QkvBias!, at + "attn_qkv.bias");
            yield return (block.Out, at + "attn_output.weight");
            yield return (block.OutBias!, at + "attn_output.bias");
            yield return (block.Norm2Gain!, at + "ffn_norm.weight");
            yield return (block.Norm2Bias!, at + "ffn_norm.bias");
            yield return (block.Up, at + "ffn_up.weight");
            yield return (block.UpBias, at + "ffn_up.bias");
            yield return (block.Down, at + "ffn_down.weight");
            yield return (block.DownBias, at + "ffn_down.bias");
        }

        yield return (map.NormGain, "output_norm.weight");
        yield return (map.NormBias, "output_norm.bias");
        if (map.Head is not null)
        {
            yield return (map.Head, Head);
        }
    }
}
