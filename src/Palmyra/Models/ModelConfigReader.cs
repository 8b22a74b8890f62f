using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Models;

/// <summary>Reads <c>config.json</c> as transformers writes it, in its old and new forms.</summary>
/// <remarks>
/// Unknown keys are ignored, missing ones take transformers' defaults, and the common names of its <c>attribute_map</c>
/// (<c>hidden_size</c> for <c>n_embd</c> and so on) are accepted in every family. <c>reorder_and_upcast_attn</c> changes nothing here: it
/// guards half-precision scores, and ours are always 32-bit.
/// </remarks>
public static class ModelConfigReader
{
    // A hundred times the longest there is.
    private const int MaxBytes = 4 << 20;

    // <|endoftext|> of GPT-2's vocabulary: what transformers takes for begin and end where a configuration does not say.
    private const int EndOfText = 50256;

    /// <summary>Reads a configuration file.</summary>
    /// <exception cref="ModelConfigException">The file is absent, is not a JSON object, or describes a model that cannot be run.</exception>
    public static ModelConfig ReadFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            return Parse(SmallFile.Read(path, MaxBytes), path);
        }
        catch (CheckpointException failure)
        {
            throw new ModelConfigException(failure.Message, failure);
        }
    }

    /// <summary>Reads a configuration from UTF-8 JSON.</summary>
    /// <param name="json">The text.</param>
    /// <param name="where">What to call it in messages: the file's path.</param>
    /// <exception cref="ModelConfigException">It is not a JSON object, or describes a model that cannot be run.</exception>
    public static ModelConfig Parse(ReadOnlyMemory<byte> json, string where)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowTrailingCommas = true });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new ModelConfigException($"expected a JSON object; found {document.RootElement.ValueKind}.");
            }

            var keys = new ConfigKeys(document.RootElement);
            string type = keys.Text("model_type")
                ?? throw new ModelConfigException("model_type is missing; expected gpt2, gpt_neo or gptj.");
            ModelConfig config = type switch
            {
                "gpt2" => Gpt2(keys),
                "gpt_neo" => GptNeo(keys),
                "gptj" => GptJ(keys),
                _ => throw new ModelConfigException($"model_type '{type}' is not one Palmyra runs; expected gpt2, gpt_neo or gptj."),
            };
            return config.Validate();
        }
        catch (ModelConfigException failure)
        {
            throw new ModelConfigException($"{where}: {failure.Message}", failure);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string that is no Unicode text, found when it is taken out.
            throw new ModelConfigException($"{where}: expected a JSON object; it does not parse: {failure.Message}", failure);
        }
    }

    /// <summary>The activation that a configuration's name means.</summary>
    /// <exception cref="ModelConfigException">The name is unknown.</exception>
    public static Activation ParseActivation(string name) => name switch
    {
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" => Activation.GeluTanh,
        "gelu" or "gelu_python" => Activation.GeluErf,
        "quick_gelu" => Activation.QuickGelu,
        "relu" => Activation.Relu,
        "silu" or "swish" => Activation.Silu,
        "tanh" => Activation.Tanh,
        "linear" => Activation.None,
        _ => throw new ModelConfigException(
            $"activation_function '{name}' is unknown; expected gelu_new, gelu, gelu_fast, gelu_pytorch_tanh, quick_gelu, relu, silu, tanh or linear."),
    };

    private static ModelConfig Gpt2(ConfigKeys keys)
    {
        if (keys.Flag("add_cross_attention", false))
        {
            throw new ModelConfigException("add_cross_attention is true; Palmyra runs decoders without cross attention.");
        }

        return Shared(keys, ModelFamily.Gpt2, vocabulary: 50257, context: 1024, width: 768, layers: 12, heads: 12) with
        {
            ScaleAttention = keys.Flag("scale_attn_weights", true),
            ScaleByInverseLayer = keys.Flag("scale_attn_by_inverse_layer_idx", false),
            TieWordEmbeddings = keys.Flag("tie_word_embeddings", true),
        };
    }

    private static ModelConfig GptNeo(ConfigKeys keys)
    {
        ModelConfig config = Shared(keys, ModelFamily.GptNeo, vocabulary: 50257, context: 2048, width: 2048, layers: 24, heads: 16);
        int window = keys.Integer(256, "window_size");
        if (window <= 0)
        {
            throw new ModelConfigException($"window_size was expected to be positive; found {window}.");
        }

        int[] windows = [.. keys.AttentionKinds(config.Layers).Select(kind => kind switch
        {
            "global" => 0,
            "local" => window,
            _ => throw new ModelConfigException($"attention layer kind '{kind}' is unknown; expected global or local."),
        })];
        return config with
        {
            Windows = windows,
            ScaleAttention = false,
            TieWordEmbeddings = keys.Flag("tie_word_embeddings", true),
        };
    }

    private static ModelConfig GptJ(ConfigKeys keys)
    {
        ModelConfig config = Shared(keys, ModelFamily.GptJ, vocabulary: 50400, context: 2048, width: 4096, layers: 28, heads: 16);
        int headDim = config.Heads > 0 ? config.Width / config.Heads : 0;

        // A null rotary_dim means the whole head: upstream's table for it, as wide as the model, is a known bug.
        int rotary = keys.IsNull("rotary_dim") ? headDim : keys.Integer(64, "rotary_dim");
        if (rotary <= 0)
        {
            throw new ModelConfigException($"rotary_dim was expected to be a positive even number up to the head width {headDim}; found {rotary}.");
        }

        // Old GPT-J configurations say nothing of tying and newer ones may repeat the library's general default; the head is never tied.
        return config with { RotaryDims = rotary, TieWordEmbeddings = false };
    }

    private static ModelConfig Shared(ConfigKeys keys, ModelFamily family, int vocabulary, int context, int width, int layers, int heads)
    {
        int modelWidth = keys.Integer(width, "n_embd", "hidden_size");
        int vocabularySize = keys.Integer(vocabulary, "vocab_size");

        // Null says that there is none. Where nothing is said transformers means GPT-2's token, which a smaller vocabulary lacks.
        int? endOfText = EndOfText < vocabularySize ? EndOfText : null;
        return new ModelConfig
        {
            Family = family,
            VocabularySize = vocabularySize,
            ContextLength = keys.Integer(context, "n_positions", "max_position_embeddings", "n_ctx"),
            Width = modelWidth,
            Layers = keys.Integer(layers, "n_layer", "num_layers", "num_hidden_layers"),
            Heads = keys.Integer(heads, "n_head", "num_heads", "num_attention_heads"),
            HiddenWidth = keys.Integer((int)Math.Min(4L * modelWidth, int.MaxValue), "n_inner", "intermediate_size"),
            Activation = ParseActivation(keys.Text("activation_function") ?? "gelu_new"),
            LayerNormEpsilon = keys.Number(1e-5f, "layer_norm_epsilon"),
            InitializerRange = keys.Number(0.02f, "initializer_range"),
            BosTokenId = keys.Has("bos_token_id") ? keys.OptionalInteger("bos_token_id") : endOfText,
            EosTokenIds = keys.Has("eos_token_id") || endOfText is null ? keys.Integers("eos_token_id") : [endOfText.Value],
            PadTokenId = keys.OptionalInteger("pad_token_id"),
            StoredType = keys.Text("dtype") ?? keys.Text("torch_dtype"),
        };
    }
}
