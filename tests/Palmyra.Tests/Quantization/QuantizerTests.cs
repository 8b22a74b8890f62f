using System.Text.Json.Nodes;
using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Quantization;
using Palmyra.Storyteller;
using Palmyra.Testing;
using Palmyra.Tests.Checkpoints;
using Palmyra.Tests.Generation;

namespace Palmyra.Tests.Quantization;

public sealed class QuantizerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Out => _folder["out"];

    [Theory]
    [InlineData("gpt2", MatrixFormat.Q8)]
    [InlineData("gpt2-no-prefix", MatrixFormat.Q4)]
    [InlineData("gpt-neo-bin-sharded", MatrixFormat.Q8)]
    [InlineData("gptj-full-rotary-f16", MatrixFormat.Q4)]
    [InlineData("gptj-inner-tied", MatrixFormat.Q8)]
    public void The_file_is_the_one_that_saving_the_loaded_model_gives(string name, MatrixFormat format)
    {
        string source = Fixtures.Path($"models/{name}");
        var seen = new List<double>();
        QuantizationReport report = Quantizer.Quantize(source, Out, format, new Recorder(seen));
        using LanguageModel model = LanguageModel.Open(source, new LanguageModelOptions { Backend = new ReferenceBackend(), Format = format });
        model.Save(_folder["saved"]);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder["saved"], "model.safetensors")), File.ReadAllBytes(Path.Combine(Out, "model.safetensors")));
        Assert.Equal(new FileInfo(Path.Combine(Out, "model.safetensors")).Length, report.BytesAfter);
        Assert.Equal(1, seen[^1], 12);
        Assert.Equal(seen.Order(), seen);
    }

    [Theory]
    [InlineData(MatrixFormat.Q8)]
    [InlineData(MatrixFormat.Q4)]
    public void Every_matrix_reports_how_far_its_numbers_moved(MatrixFormat format)
    {
        string source = Fixtures.Path("models/gptj");
        QuantizationReport report = Quantizer.Quantize(source, Out, format);
        using Checkpoint before = Checkpoint.Open(source);
        using Checkpoint after = Checkpoint.Open(Out);
        ModelConfig config = ModelConfigReader.ReadFile(before.ConfigPath);
        var original = new CheckpointWeights(config, before.Tensors, source);
        var stored = new CheckpointWeights(config, after.Tensors, Out);
        MatrixEntries[] matrices = [.. new WeightMap(config).Matrices];
        Assert.Equal(matrices.Length, report.Matrices.Count);
        foreach ((MatrixEntries matrix, MatrixError error) in matrices.Zip(report.Matrices))
        {
            float[] x = Values(original.View(matrix)), y = Values(stored.View(matrix));
            Assert.Equal(string.Join(" + ", matrix.Parts.Select(part => part.Name)), error.Name);
            Assert.Equal((format, matrix.Rows, matrix.Cols), (error.Format, error.Rows, error.Cols));
            Assert.Equal(Math.Sqrt(Numbers.SquaredError(x, y)), error.RelativeRms, 9);
            Assert.Equal(x.Zip(y).Max(pair => Math.Abs((double)pair.First - pair.Second)), error.LargestDifference);
            Assert.InRange(error.RelativeRms, 1e-4, format == MatrixFormat.Q8 ? 0.01 : 0.15);
        }
    }

    [Fact]
    public void The_configuration_keeps_what_it_says_and_the_tokenizer_comes_along()
    {
        Quantizer.Quantize(DefaultModel.Folder, Out, MatrixFormat.Q4);
        JsonObject before = Config(DefaultModel.Folder), after = Config(Out);
        Assert.Equal("""{"quant_method":"palmyra","format":"q4","layout":"panels-16x32"}""", after["quantization_config"]!.ToJsonString());
        after.Remove("quantization_config");
        Assert.True(JsonNode.DeepEquals(before, after));
        string[] copied = ["generation_config.json", "merges.txt", "tokenizer_config.json", "vocab.json"];
        Assert.Equal(copied.Append("config.json").Append("model.safetensors").Order(StringComparer.Ordinal), Names(Out).Order(StringComparer.Ordinal));
        Assert.All(copied, name => Assert.Equal(File.ReadAllBytes(Path.Combine(DefaultModel.Folder, name)), File.ReadAllBytes(Path.Combine(Out, name))));
    }

    [Fact]
    public void A_packed_folder_is_copied_exactly_in_its_own_format_and_can_be_narrowed()
    {
        Quantizer.Quantize(Fixtures.Path("models/gptj"), Out, MatrixFormat.Q8);
        QuantizationReport copy = Quantizer.Quantize(Out, _folder["copy"], MatrixFormat.Q8);
        Assert.Equal(0, copy.RelativeRms);
        Assert.Equal(File.ReadAllBytes(Path.Combine(Out, "model.safetensors")), File.ReadAllBytes(Path.Combine(_folder["copy"], "model.safetensors")));
        QuantizationReport narrow = Quantizer.Quantize(Out, _folder["narrow"], MatrixFormat.Q4);
        Assert.InRange(narrow.RelativeRms, 0.03, 0.15);
        Assert.True(narrow.BytesAfter < narrow.BytesBefore);
    }

    [Fact]
    public void Cancelled_it_leaves_nothing_or_what_was_there()
    {
        using var cancellation = new CancellationTokenSource();
        var once = new Recorder([], cancellation.Cancel);
        Assert.ThrowsAny<OperationCanceledException>(() => Quantizer.Quantize(Fixtures.Path("models/gptj"), Out, MatrixFormat.Q8, once, cancellation.Token));
        Assert.False(Directory.Exists(Out));
        Quantizer.Quantize(Fixtures.Path("models/gpt2"), Out, MatrixFormat.Q8);
        Dictionary<string, byte[]> before = Directory.GetFiles(Out).ToDictionary(file => file, File.ReadAllBytes);
        Assert.ThrowsAny<OperationCanceledException>(() => Quantizer.Quantize(Fixtures.Path("models/gptj"), Out, MatrixFormat.Q8, once, cancellation.Token));
        Assert.Equal(before, Directory.GetFiles(Out).ToDictionary(file => file, File.ReadAllBytes));
    }

    [Fact]
    public void A_weight_that_is_not_finite_is_refused_by_name_and_nothing_is_left()
    {
        using (Transformer model = TinyModel.Create(TinyModel.Gpt2))
        {
            TensorSource[] tensors = [.. TransformerWriter.Tensors(model).Select(tensor => tensor.Name != "transformer.h.1.mlp.c_fc.weight"
                ? tensor
                : TensorSource.Of(tensor.Name, tensor.Shape, Enumerable.Repeat(0.5f, (int)tensor.Count - 1).Prepend(float.NaN).ToArray()))];
            SafetensorsWriter.WriteFolder(_folder["nan"], tensors, others: new Dictionary<string, Action<Stream>>
            {
                ["config.json"] = stream => ModelConfigWriter.Write(TinyModel.Gpt2, "float32", stream),
            });
        }

        var failure = Assert.Throws<BackendException>(() => Quantizer.Quantize(_folder["nan"], Out, MatrixFormat.Q4));
        Assert.Contains("Weight 'transformer.h.1.mlp.c_fc.weight' holds NaN at row 0, column 0", failure.Message);
        Assert.False(Directory.Exists(Out));
    }

    [Fact]
    public void Its_own_folder_and_formats_of_floats_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Quantizer.Quantize(Fixtures.Path("models/gpt2"), Fixtures.Path("models/gpt2/"), MatrixFormat.Q8));
        Assert.Throws<ArgumentException>(() => Quantizer.Quantize(Fixtures.Path("models/gpt2"), Out, MatrixFormat.F16));
        Assert.False(Directory.Exists(Out));
    }

    public void Dispose() => _folder.Dispose();

    private static IEnumerable<string> Names(string folder) => Directory.GetFiles(folder).Select(file => Path.GetFileName(file));

    private static JsonObject Config(string folder) => JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")))!.AsObject();

    private static float[] Values(WeightView view)
    {
        var values = new float[view.Rows * view.Cols];
        view.CopyRows(0, view.Rows, values);
        return values;
    }

    private sealed class Recorder(List<double> seen, Action? also = null) : IProgress<double>
    {
        public void Report(double value)
        {
            seen.Add(value);
            also?.Invoke();
        }
    }
}
