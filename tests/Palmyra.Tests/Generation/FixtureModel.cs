using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Generation;
using Palmyra.Testing;

namespace Palmyra.Tests.Generation;

/// <summary>A fixture model on the reference backend with its recorded outputs.</summary>
internal sealed class FixtureModel : IDisposable
{
    private readonly TensorFile _expected;
    private readonly JsonDocument _document;

    public FixtureModel(string name)
    {
        string folder = Fixtures.Path($"models/{name}");
        Model = LanguageModel.Open(folder, new LanguageModelOptions { Backend = new CheckedBackend(new ReferenceBackend()) });
        _expected = TensorFile.Open(Path.Combine(folder, "expected.safetensors"));
        _document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "expected.json")));
    }

    public LanguageModel Model { get; }

    public JsonElement Expected => _document.RootElement;

    /// <summary>The bound of the fixtures' README.</summary>
    public double Tolerance => Math.Max(2e-4, 20 * Expected.GetProperty("max_abs_float32_minus_float64").GetDouble());

    public float[] Tensor(string name, out int columns)
    {
        TensorView view = _expected.Tensors[name];
        columns = (int)view.Shape[^1];
        return view.ToFloats();
    }

    public static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>The arguments of generate() as options.</summary>
    public static GenerationOptions Options(JsonElement arguments)
    {
        GenerationOptions options = GenerationOptionsReader.Parse(System.Text.Encoding.UTF8.GetBytes(arguments.GetRawText()), "arguments");
        return arguments.TryGetProperty("eos_token_id", out JsonElement eos) && eos.ValueKind == JsonValueKind.Null
            ? options with { EosTokenIds = [] }
            : options;
    }

    public void Dispose()
    {
        _document.Dispose();
        _expected.Dispose();
        Model.Dispose();
    }
}
