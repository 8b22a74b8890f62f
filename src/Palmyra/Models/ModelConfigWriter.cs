using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Quantization;

namespace Palmyra.Models;

/// <summary>Writes <c>config.json</c> in transformers' names, so that transformers and <see cref="ModelConfigReader"/> read the same model back.</summary>
public static class ModelConfigWriter
{
    /// <summary>Writes a configuration as indented UTF-8 JSON.</summary>
    /// <param name="config">The hyper-parameters.</param>
    /// <param name="storedType">The weights' type in transformers' names: float32, float16 or bfloat16.</param>
    /// <param name="destination">Where to; stays open.</param>
    /// <param name="packed">Q8 or Q4 if matrices are stored so; null or a format of floats if not.</param>
    public static void Write(ModelConfig config, string storedType, Stream destination, MatrixFormat? packed = null)
    {
        using var json = new Utf8JsonWriter(destination, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        bool neo = config.Family == ModelFamily.GptNeo;
        json.WriteStartArray("architectures");
        json.WriteStringValue(config.Family switch
        {
            ModelFamily.Gpt2 => "GPT2LMHeadModel",
            ModelFamily.GptNeo => "GPTNeoForCausalLM",
            _ => "GPTJForCausalLM",
        });
        json.WriteEndArray();
        json.WriteString("model_type", config.Family switch
        {
            ModelFamily.Gpt2 => "gpt2",
            ModelFamily.GptNeo => "gpt_neo",
            _ => "gptj",
        });
        json.WriteNumber("vocab_size", config.VocabularySize);
        json.WriteNumber(neo ? "max_position_embeddings" : "n_positions", config.ContextLength);
        json.WriteNumber(neo ? "hidden_size" : "n_embd", config.Width);
        json.WriteNumber(neo ? "num_layers" : "n_layer", config.Layers);
        json.WriteNumber(neo ? "num_heads" : "n_head", config.Heads);
        json.WriteNumber(neo ? "intermediate_size" : "n_inner", config.HiddenWidth);
        json.WriteString("activation_function", Name(config.Activation));
        json.WriteNumber("layer_norm_epsilon", config.LayerNormEpsilon);
        json.WriteNumber("initializer_range", config.InitializerRange);
        json.WriteBoolean("tie_word_embeddings", config.TieWordEmbeddings);
        switch (config.Family)
        {
            case ModelFamily.Gpt2:
                json.WriteBoolean("scale_attn_weights", config.ScaleAttention);
                json.WriteBoolean("scale_attn_by_inverse_layer_idx", config.ScaleByInverseLayer);
                break;
            case ModelFamily.GptNeo:
                WriteAttentionLayers(config, json);
                break;
            default:
                json.WriteNumber("rotary_dim", config.RotaryDims);
                break;
        }

        WriteTokens(config, json);
        json.WriteString("torch_dtype", storedType);
        if (packed is MatrixFormat format && format.IsGrouped())
        {
            WriteQuantization(json, format);
        }

        json.WriteEndObject();
    }

    /// <summary>The key of <c>config.json</c> that says how matrices are quantised.</summary>
    internal const string QuantizationKey = "quantization_config";

    /// <summary>Says that matrices are packed: transformers refuses a method it does not know instead of misreading the file.</summary>
    internal static void WriteQuantization(Utf8JsonWriter json, MatrixFormat format)
    {
        json.WriteStartObject(QuantizationKey);
        json.WriteString("quant_method", "palmyra");
        json.WriteString("format", format.ToString().ToLowerInvariant());
        json.WriteString("layout", PackedMatrix.Layout);
        json.WriteEndObject();
    }

    /// <summary>The name transformers gives a type of floats.</summary>
    public static string Name(ElementType type) => type switch
    {
        ElementType.F16 => "float16",
        ElementType.BF16 => "bfloat16",
        _ => "float32",
    };

    /// <summary>The name transformers gives an activation.</summary>
    public static string Name(Activation activation) => activation switch
    {
        Activation.GeluTanh => "gelu_new",
        Activation.GeluErf => "gelu",
        Activation.QuickGelu => "quick_gelu",
        Activation.Relu => "relu",
        Activation.Silu => "silu",
        Activation.Tanh => "tanh",
        _ => "linear",
    };

    // transformers derives attention_layers from attention_types and checks their lengths against each other: both are written.
    private static void WriteAttentionLayers(ModelConfig config, Utf8JsonWriter json)
    {
        string[] kinds = [.. Enumerable.Range(0, config.Layers).Select(layer => config.AttentionShape(layer).Window == 0 ? "global" : "local")];
        json.WriteStartArray("attention_types");
        json.WriteStartArray();
        WriteStrings(kinds, json);
        json.WriteNumberValue(1);
        json.WriteEndArray();
        json.WriteEndArray();
        json.WritePropertyName("attention_layers");
        WriteStrings(kinds, json);
        json.WriteNumber("window_size", config.Windows.FirstOrDefault(window => window > 0, 256));
    }

    private static void WriteTokens(ModelConfig config, Utf8JsonWriter json)
    {
        // None is written as null: left out, the keys would mean GPT-2's token.
        if (config.BosTokenId is int bos)
        {
            json.WriteNumber("bos_token_id", bos);
        }
        else
        {
            json.WriteNull("bos_token_id");
        }

        if (config.EosTokenIds.Count == 0)
        {
            json.WriteNull("eos_token_id");
        }
        else if (config.EosTokenIds.Count == 1)
        {
            json.WriteNumber("eos_token_id", config.EosTokenIds[0]);
        }
        else
        {
            json.WriteStartArray("eos_token_id");
            foreach (int id in config.EosTokenIds)
            {
                json.WriteNumberValue(id);
            }

            json.WriteEndArray();
        }

        if (config.PadTokenId is int pad)
        {
            json.WriteNumber("pad_token_id", pad);
        }
    }

    private static void WriteStrings(IEnumerable<string> values, Utf8JsonWriter json)
    {
        json.WriteStartArray();
        foreach (string value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
