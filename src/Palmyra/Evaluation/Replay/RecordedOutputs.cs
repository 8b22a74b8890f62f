using System.Text.Json;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Evaluation.Replay;

/// <summary>A model's recorded reference outputs: <c>expected.json</c>, and the numbers it names in <c>expected.safetensors</c>.</summary>
internal sealed class RecordedOutputs : IDisposable
{
    public const string FileName = "expected.json";

    /// <summary>The longest recording that is read.</summary>
    public const int MaxBytes = 64 << 20;

    private const string Format = "palmyra-reference/1";

    private readonly JsonDocument _document;
    private readonly TensorFile _numbers;

    private RecordedOutputs(string path, JsonDocument document, TensorFile numbers)
    {
        _document = document;
        _numbers = numbers;
        Root = new RecordedValue(path, string.Empty, document.RootElement);
        string format = Root.Required("format").Text();
        if (format != Format)
        {
            throw new CheckpointException($"{path}: format was expected to be {Format}; found {format}.");
        }

        RecordedValue reference = Root.Required("reference");
        Reference = $"{reference.Required("library").Text()} {reference.Required("version").Text()}";
        double error = Root.Required("max_abs_float32_minus_float64").Number();
        if (!(error >= 0) || !double.IsFinite(error))
        {
            throw Root.Required("max_abs_float32_minus_float64").Wrong("a number that is not negative");
        }

        Bound = Math.Max(20 * error, 2e-4);
    }

    public RecordedValue Root { get; }

    public string Reference { get; }

    public double Bound { get; }

    public static RecordedOutputs Open(string folder)
    {
        string path = Path.Combine(folder, FileName);
        TensorFile? numbers = null;
        JsonDocument? document = null;
        try
        {
            document = UnicodeJson.Parse(SmallFile.Read(path, MaxBytes));
            numbers = TensorFile.Open(Path.Combine(folder, "expected.safetensors"));
            return new RecordedOutputs(path, document, numbers);
        }
        catch (Exception failure)
        {
            document?.Dispose();
            numbers?.Dispose();
            throw failure is JsonException
                ? new CheckpointException($"{path}: expected a JSON object; it does not parse: {failure.Message}", failure)
                : failure;
        }
    }

    /// <summary>The numbers a JSON value names, whose tensor must have the given shape.</summary>
    public float[] Numbers(RecordedValue name, params ReadOnlySpan<long> shape)
    {
        string key = name.Text();
        if (!_numbers.Tensors.TryGetValue(key, out TensorView? tensor))
        {
            throw new CheckpointException($"{_numbers.Path}: tensor '{key}', which {name.Place} of {FileName} names, is missing.");
        }

        if (!shape.SequenceEqual([.. tensor.Shape]))
        {
            throw new CheckpointException(
                $"{_numbers.Path}: tensor '{key}' was expected to be [{string.Join(", ", shape.ToArray())}]; found {tensor.ShapeText}.");
        }

        return tensor.ToFloats();
    }

    public void Dispose()
    {
        _document.Dispose();
        _numbers.Dispose();
    }
}
