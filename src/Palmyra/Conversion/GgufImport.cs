using Palmyra.Checkpoints;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Diagnostics;
using Palmyra.Models;

namespace Palmyra.Conversion;

/// <summary>Writes a GGUF file of the gpt2 architecture as a Hugging Face folder: config.json, model.safetensors, tokenizer files.</summary>
/// <remarks>F32, F16 and BF16 tensors are stored as they are; blocks are stored as the F32 numbers they mean, exactly.</remarks>
public static class GgufImport
{
    /// <summary>Converts a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="folder">Where to; made if missing. All files are written under temporary names and then renamed.</param>
    /// <param name="progress">Told the share of parameters written, 0 to 1; or null.</param>
    /// <param name="cancellation">Stops the writing; what the folder held is unchanged.</param>
    /// <exception cref="CheckpointException">The file is damaged or of another architecture, or the folder cannot be written.</exception>
    /// <exception cref="ModelConfigException">The file's sizes describe a model that cannot be run.</exception>
    /// <exception cref="TokenizationException">Its vocabulary is of another kind than GPT-2's, or damaged.</exception>
    public static ConversionSummary Write(
        string path, string folder, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        using GgufModel model = GgufModel.Open(path);
        var map = new WeightMap(model.Config);
        var others = new Dictionary<string, Action<Stream>>(model.Vocabulary?.Files(model.Config.ContextLength) ?? new Dictionary<string, Action<Stream>>())
        {
            ["config.json"] = stream => ModelConfigWriter.Write(model.Config, NameOf(model.StoredType), stream),
        };
        TensorView? current = null;
        WeightEntry? at = null;
        long written = 0;
        TensorSource[] tensors = [.. map.All.Select(entry => new TensorSource(entry.Name, model.FileType(entry), entry.FileShape, (element, bytes) =>
        {
            // The writer goes from tensor to tensor, so one is unpacked at a time.
            if (!ReferenceEquals(at, entry))
            {
                (at, current) = (entry, null);
                current = model.FileView(entry);
            }

            current!.CopyBytes(element, bytes);
            written += bytes.Length / model.FileType(entry).Size();
            progress?.Report((double)written / map.ParameterCount);
        }))];
        SafetensorsWriter.WriteFolder(folder, tensors, others: others, cancellation: cancellation);
        return new ConversionSummary(
            model.StoredType.ElementType().ToString(), tensors.Length, map.ParameterCount, model.Config.VocabularySize, model.HasVocabulary, model.Unused);
    }

    private static string NameOf(GgmlType type) => type switch
    {
        GgmlType.F16 => "float16",
        GgmlType.BF16 => "bfloat16",
        _ => "float32",
    };
}
