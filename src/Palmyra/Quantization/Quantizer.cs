using System.Text.Encodings.Web;
using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Models;

namespace Palmyra.Quantization;

/// <summary>Writes a copy of a model's folder with its matrices in Q8 or Q4: what opens without conversion and is computed with where it is mapped.</summary>
/// <remarks>
/// Streams: of the weights a few panels of one matrix are in memory at a time. config.json keeps all it says and gains what tells others
/// that matrices are packed; tokenizer files and generation_config.json are copied.
/// </remarks>
public static class Quantizer
{
    private const int MaxConfigBytes = 4 << 20;

    /// <summary>Quantises a folder.</summary>
    /// <param name="folderOrHubId">The model's folder, or its id in the local Hugging Face cache; in any format.</param>
    /// <param name="destination">The folder to write; made if missing. The model it holds, tokenizer included, is replaced when the new one is complete.</param>
    /// <param name="format">Q8 or Q4; <see cref="StorageFormat"/> says which matrices take it.</param>
    /// <param name="progress">Told the share of bytes written, 0 to 1; or null.</param>
    /// <param name="cancellation">Stops the writing and leaves nothing of it.</param>
    /// <returns>Sizes, and the error of every matrix.</returns>
    /// <exception cref="ArgumentException">The format is not of integers, or the destination is the model's own folder.</exception>
    /// <exception cref="CheckpointException">The model is damaged, or the destination cannot be written.</exception>
    /// <exception cref="ModelConfigException">The configuration is damaged or describes a model Palmyra does not run.</exception>
    /// <exception cref="BackendException">A weight is NaN, infinite, or too large for the format.</exception>
    public static QuantizationReport Quantize(
        string folderOrHubId,
        string destination,
        MatrixFormat format,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(destination);
        if (!format.IsGrouped())
        {
            throw new ArgumentException($"Models are quantised to Q8 or Q4; found {format}.", nameof(format));
        }

        using Checkpoint checkpoint = Checkpoint.Open(folderOrHubId);
        if (checkpoint.IsAt(destination))
        {
            throw new ArgumentException($"{destination}: this is the model's own folder, which would be lost; write to another.", nameof(destination));
        }

        ModelConfig config = ModelConfigReader.ReadFile(checkpoint.ConfigPath);
        var weights = new CheckpointWeights(config, checkpoint.Tensors, checkpoint.Folder);
        var errors = new List<Func<MatrixError>>();
        List<TensorSource> tensors = Reporting(Tensors(new WeightMap(config), weights, format, errors), progress);
        var others = new Dictionary<string, Action<Stream>>
        {
            ["config.json"] = stream => CopyConfig(checkpoint.ConfigPath, format, stream),
        };
        foreach ((string name, string path) in LanguageModel.SideFiles(checkpoint.Folder))
        {
            others[name] = stream => MappedFile.Copy(path, stream);
        }

        SafetensorsWriter.WriteFolder(destination, tensors, metadata: PackedMatrix.FileMetadata, others: others, cancellation: cancellation);
        using Checkpoint written = Checkpoint.Open(destination);
        return new QuantizationReport(format, Bytes(checkpoint), Bytes(written), [.. errors.Select(error => error())]);
    }

    private static List<TensorSource> Tensors(WeightMap map, CheckpointWeights weights, MatrixFormat format, List<Func<MatrixError>> errors)
    {
        var tensors = new List<TensorSource>();
        foreach (MatrixEntries matrix in map.Matrices)
        {
            MatrixFormat target = StorageFormat.For(matrix.Role, format, weights.StoredFormat(matrix));
            if (!target.IsGrouped())
            {
                tensors.AddRange(matrix.Parts.Select(part => Floats(part, weights, TransformerWriter.TypeOf(target))));
                continue;
            }

            string[] names = [.. matrix.Parts.Select(part => part.Name)];
            var sum = new ErrorSum(matrix.Rows, matrix.Cols, target);
            var panels = new PanelStream(matrix.Rows, matrix.Cols, target, () => weights.View(matrix), sum.Add);
            tensors.Add(PackedMatrix.Source(names, matrix.Rows, matrix.Cols, target, panels.Copy));
            errors.Add(() => sum.Total(string.Join(" + ", names)));
        }

        tensors.AddRange(map.Vectors.Select(vector => Floats(vector, weights, ElementType.F32)));
        return tensors;
    }

    /// <summary>A vector or a table of rows, which no file stores turned on its side.</summary>
    private static TensorSource Floats(WeightEntry entry, CheckpointWeights weights, ElementType type) =>
        new(entry.Name, type, entry.FileShape, (element, bytes) =>
        {
            WeightView view = weights.View(entry);
            var row = new float[entry.Cols];
            while (!bytes.IsEmpty)
            {
                (long r, long k) = Math.DivRem(element, entry.Cols);
                view.CopyRows((int)r, 1, row);
                int count = Math.Min(entry.Cols - (int)k, bytes.Length / type.Size());
                type.FromFloats(row.AsSpan((int)k, count), bytes[..(count * type.Size())]);
                bytes = bytes[(count * type.Size())..];
                element += count;
            }
        });

    private static List<TensorSource> Reporting(List<TensorSource> tensors, IProgress<double>? progress)
    {
        if (progress is null)
        {
            return tensors;
        }

        double total = tensors.Sum(tensor => tensor.Length);
        long done = 0;
        return [.. tensors.Select(tensor => new TensorSource(tensor.Name, tensor.Type, tensor.Shape, (element, bytes) =>
        {
            tensor.CopyBytes(element, bytes);
            done += bytes.Length;
            progress.Report(done / total);
        }) { Alignment = tensor.Alignment })];
    }

    private static void CopyConfig(string path, MatrixFormat format, Stream destination)
    {
        using JsonDocument config = JsonDocument.Parse(SmallFile.Read(path, MaxConfigBytes), new JsonDocumentOptions { AllowTrailingCommas = true });
        using var json = new Utf8JsonWriter(destination, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        foreach (JsonProperty property in config.RootElement.EnumerateObject())
        {
            if (!property.NameEquals(ModelConfigWriter.QuantizationKey))
            {
                property.WriteTo(json);
            }
        }

        ModelConfigWriter.WriteQuantization(json, format);
        json.WriteEndObject();
    }

    private static long Bytes(Checkpoint checkpoint)
    {
        _ = checkpoint.Tensors;
        return checkpoint.WeightFiles.Sum(file => new FileInfo(file).ResolveLinkTarget(returnFinalTarget: true) is FileInfo target
            ? target.Length
            : new FileInfo(file).Length);
    }
}
