using System.Text.Json;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Testing;
using Xunit;

namespace Palmyra.Tests.Checkpoints;

public sealed class CheckpointTests
{
    public static TheoryData<string> Models => [.. Fixtures.Models];

    [Theory]
    [MemberData(nameof(Models))]
    public void EveryContainerYieldsTheTensorsAnIndependentReaderFound(string model)
    {
        using JsonDocument recorded = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("tensors.json")));
        Dictionary<string, JsonElement> expected = recorded.RootElement.GetProperty(model).EnumerateObject().ToDictionary(p => p.Name, p => p.Value);
        using Checkpoint checkpoint = Checkpoint.Open(Fixtures.Path($"models/{model}"));
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), checkpoint.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach ((string name, TensorView tensor) in checkpoint.Tensors)
        {
            Assert.Equal(name, tensor.Name);
            Assert.Equal(expected[name].GetProperty("dtype").GetString(), SafetensorsReader.TypeName(tensor.Type));
            Assert.Equal(expected[name].GetProperty("shape").EnumerateArray().Select(n => n.GetInt64()), tensor.Shape);
            Assert.Equal(expected[name].GetProperty("sha256").GetString(), Reading.Sha256(tensor));
        }
    }

    [Fact]
    public void TheTenModelsAreThere() => Assert.Equal(10, Fixtures.Models.Count);

    [Theory]
    [MemberData(nameof(Models))]
    public void TheExpectedTensorsOfEveryModelOpen(string model)
    {
        using TensorFile file = TensorFile.Open(Fixtures.Path($"models/{model}/expected.safetensors"));
        Assert.NotEmpty(file.Tensors);
        Reading.Everything(file.Tensors);
    }

    [Fact]
    public void TheSharedAndTransposedViewsOfGptNeoBinAreViews()
    {
        using Checkpoint checkpoint = Checkpoint.Open(Fixtures.Path("models/gpt-neo-bin"));
        TensorView[] tensors = [.. checkpoint.Tensors.Values];
        Assert.Contains(tensors, tensor => !tensor.Strides.SequenceEqual(TensorView.RowMajor(tensor.Shape)));
        Assert.Contains(tensors, a => tensors.Any(b => a != b && a.Offset == b.Offset && a.Count == b.Count));

        // The law a view must obey, element by element: its place is offset + the sum of index times stride.
        foreach (TensorView tensor in tensors.Where(tensor => tensor.Shape.Count == 2))
        {
            float[] values = tensor.ToFloats();
            var matrix = WeightView.Of(tensor);
            var row = new float[matrix.Cols];
            for (int i = 0; i < tensor.Shape[0]; i++)
            {
                matrix.CopyRows(i, 1, row);
                for (int j = 0; j < tensor.Shape[1]; j++)
                {
                    long at = tensor.Offset + (((i * tensor.Strides[0]) + (j * tensor.Strides[1])) * sizeof(float));
                    float naive = BitConverter.ToSingle(tensor.Source.Slice(at, sizeof(float)));
                    Assert.Equal(naive, values[(i * tensor.Shape[1]) + j]);
                    Assert.Equal(naive, row[j]);
                }
            }
        }
    }

    [Fact]
    public void AFolderWithoutWeightsServesForItsConfiguration()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], "{}");
        File.WriteAllText(folder["tokenizer.json"], "{}");
        using Checkpoint checkpoint = Checkpoint.Open(folder.Root);
        Assert.Equal(folder["config.json"], checkpoint.ConfigPath);
        Assert.Equal(folder["tokenizer.json"], checkpoint.PathOf("tokenizer.json"));
        Assert.Null(checkpoint.PathOf("generation_config.json"));
        Assert.Throws<ArgumentException>(() => checkpoint.PathOf("../config.json"));
        var error = Assert.Throws<CheckpointException>(() => checkpoint.Tensors);
        Assert.Contains("model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json", error.Message);
    }

    [Fact]
    public void AFolderWithoutConfigurationIsRefused()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("config.json", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Root)).Message);
    }

    [Fact]
    public void SafetensorsArePreferredAndAVariantIsReadOnlyWhenAskedFor()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], "{}");
        File.WriteAllText(folder["pytorch_model.bin"], "damaged, but not looked at");
        Save(folder["model.safetensors"], "plain");
        Save(folder["model.fp16.safetensors"], "half");
        Save(folder["model.int-00001-of-00001.safetensors"], "shard");
        File.WriteAllText(folder["model.safetensors.index.int.json"], """{"weight_map":{"shard":"model.int-00001-of-00001.safetensors"}}""");
        Assert.Equal(["plain"], Names(null));
        Assert.Equal(["half"], Names("fp16"));
        Assert.Equal(["shard"], Names("int"));
        Assert.Contains("model.other.safetensors", Assert.Throws<CheckpointException>(() => Names("other")).Message);

        string[] Names(string? variant)
        {
            using Checkpoint checkpoint = Checkpoint.Open(folder.Root, variant);
            return [.. checkpoint.Tensors.Keys];
        }
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../outside.safetensors"}}""", "directly in the folder")]
    [InlineData("""{"weight_map":{"a":"/outside.safetensors"}}""", "directly in the folder")]
    [InlineData("""{"weight_map":{"a":"x\\outside.safetensors"}}""", "directly in the folder")]
    [InlineData("""{"weight_map":{"a":".."}}""", "directly in the folder")]
    [InlineData("""{"weight_map":{"a":""}}""", "directly in the folder")]
    [InlineData("""{"weight_map":{"a":"absent.safetensors"}}""", "'absent.safetensors', which the folder does not have")]
    [InlineData("""{"weight_map":{"a":"shard.safetensors","b":"shard.safetensors"}}""", "tensor 'b', which model.safetensors.index.json promises")]
    [InlineData("""{"weight_map":{"a":"config.json"}}""", "a file ending in .safetensors was expected")]
    [InlineData("""{"weight_map":{"a":1}}""", "expected to be a string")]
    [InlineData("""{"weight_map":{"a":"shard.safetensors","a":"shard.safetensors"}}""", "names tensor 'a' twice")]
    [InlineData("""{"weight_map":[]}""", "one object 'weight_map'")]
    [InlineData("""{"metadata":{}}""", "there is none")]
    [InlineData("""[]""", "expected to be a JSON object")]
    [InlineData("""{"weight_map":{}""", "not valid JSON")]
    [InlineData("", "not valid JSON")]
    public void ABadIndexIsRefused(string index, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], "{}");
        Save(folder["shard.safetensors"], "a");
        File.WriteAllText(folder["model.safetensors.index.json"], index);
        using Checkpoint checkpoint = Checkpoint.Open(folder.Root);
        var error = Assert.Throws<CheckpointException>(() => checkpoint.Tensors);
        Assert.Contains(expected, error.Message);
        Assert.Contains(folder.Root, error.Message);
    }

    [Fact]
    public void AnIndexOfMoreTensorsThanAnyModelHasIsRefused()
    {
        string index = "{\"weight_map\":{" + string.Join(',', Enumerable.Range(0, 200_000).Select(i => $"\"{i}\":\"shard.safetensors\"")) + "}}";
        ABadIndexIsRefused(index, $"more than {SafetensorsReader.MaxEntries} tensors");
    }

    [Fact]
    public void AFileOrAGitLfsPointerIsExplained()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["model.safetensors"], "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
        Assert.Contains("git lfs pull", Assert.Throws<CheckpointException>(() => TensorFile.Open(folder["model.safetensors"])).Message);
        Assert.Contains("this is a file", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder["model.safetensors"])).Message);
    }

    [Fact]
    public void TensorsAreGoneAfterDisposal()
    {
        Checkpoint checkpoint = Checkpoint.Open(Fixtures.Path("models/gpt2"));
        TensorView tensor = checkpoint.Tensors.Values.First();
        Assert.Equal(3, checkpoint.WeightFiles.Count);
        checkpoint.Dispose();
        Assert.Throws<ObjectDisposedException>(() => checkpoint.Tensors);
        Assert.Throws<ObjectDisposedException>(() => tensor.ToFloats());
    }

    [SkippableTheory]
    [InlineData("checkpoints/storyteller")]
    [InlineData("checkpoints/chemts-gpt2-zinc/gpt2_0.2m")]
    public void ATrainedCheckpointOpens(string relative)
    {
        string? folder = SharedData.PathOrNull(relative);
        Skip.If(folder is null, $"There is no ../shared/{relative} beside the repository.");
        using Checkpoint checkpoint = Checkpoint.Open(folder);
        Assert.Contains(checkpoint.Tensors.Keys, name => name.EndsWith("wte.weight", StringComparison.Ordinal));
        Reading.Everything(checkpoint.Tensors);
    }

    private static void Save(string path, string tensor) => SafetensorsWriter.Write(path, [TensorSource.Of(tensor, [1], new float[] { 1 })]);
}
