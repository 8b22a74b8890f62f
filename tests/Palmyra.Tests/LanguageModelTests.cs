using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Models;
using Palmyra.Storyteller;
using Palmyra.Testing;
using Palmyra.Tokenization;

namespace Palmyra.Tests;

public sealed class LanguageModelTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("palmyra-").FullName;

    public static TheoryData<string> Models => [.. Fixtures.Models];

    [Theory]
    [MemberData(nameof(Models))]
    public void A_model_saved_and_opened_again_gives_the_same_bits(string name)
    {
        using LanguageModel model = LanguageModel.Open(Fixtures.Path($"models/{name}"));
        string saved = Path.Combine(_folder, name);
        model.Save(saved);
        using LanguageModel again = LanguageModel.Open(saved);

        Assert.Equal(model.Transformer.Weights.Tokens.Format, again.Transformer.Weights.Tokens.Format);
        int[] ids = [.. Enumerable.Range(0, 40).Select(i => i * 7 % model.Config.VocabularySize)];
        using var first = new Scorer(model.Transformer);
        using var second = new Scorer(again.Transformer);
        Assert.Equal(first.Score([ids])[0], second.Score([ids])[0]);
    }

    [Fact]
    public void Saving_takes_the_tokenizer_and_the_defaults_along_and_leaves_nothing_else()
    {
        using LanguageModel model = LanguageModel.Open(DefaultModel.Folder);
        model.Save(_folder);
        Assert.Equal(
            ["config.json", "generation_config.json", "merges.txt", "model.safetensors", "tokenizer_config.json", "vocab.json"],
            Directory.GetFiles(_folder).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        using LanguageModel again = LanguageModel.Open(_folder);
        Assert.True(again.HasTokenizer);
        Assert.Equal(model.Tokenizer.Encode("Once upon a time"), again.Tokenizer.Encode("Once upon a time"));
    }

    [Fact]
    public void A_model_saved_over_its_own_folder_keeps_its_other_files()
    {
        using (LanguageModel model = LanguageModel.Open(DefaultModel.Folder))
        {
            model.Save(_folder);
        }

        using LanguageModel saved = LanguageModel.Open(_folder);
        saved.Save(_folder, MatrixFormat.BF16);
        foreach (string name in new[] { "merges.txt", "vocab.json", "tokenizer_config.json", "generation_config.json" })
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(DefaultModel.Folder, name)), File.ReadAllBytes(Path.Combine(_folder, name)));
        }

        using LanguageModel again = LanguageModel.Open(_folder);
        Assert.Equal(MatrixFormat.BF16, again.Transformer.Weights.Tokens.Format);
    }

    [Fact]
    public void A_save_that_is_cancelled_leaves_the_old_model()
    {
        using LanguageModel model = LanguageModel.Open(Fixtures.Path("models/gpt2"));
        model.Save(_folder);
        Dictionary<string, byte[]> before = Directory.GetFiles(_folder).ToDictionary(file => file, File.ReadAllBytes);
        using var cancellation = new CancellationTokenSource();
        cancellation.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => model.Save(_folder, MatrixFormat.F16, cancellation.Token));
        Assert.Equal(before, Directory.GetFiles(_folder).ToDictionary(file => file, File.ReadAllBytes));
    }

    [Fact]
    public void A_folder_without_tokenizer_files_runs_on_ids_and_says_what_is_missing()
    {
        using LanguageModel model = LanguageModel.Open(Fixtures.Path("models/gpt2"));
        Assert.False(model.HasTokenizer);
        var failure = Assert.Throws<TokenizationException>(() => model.Tokenizer);
        Assert.Contains("gpt2", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_that_are_no_models_are_refused()
    {
        Assert.Contains("config.json", Assert.Throws<CheckpointException>(() => LanguageModel.Open(_folder)).Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(_folder, "config.json"), """{"model_type": "gpt2"}""");
        Assert.Contains("model.safetensors", Assert.Throws<CheckpointException>(() => LanguageModel.Open(_folder)).Message, StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => LanguageModel.Open(Path.Combine(_folder, "nowhere")));
    }

    [Fact]
    public void Cancelling_and_progress_work_while_loading()
    {
        using var cancellation = new CancellationTokenSource();
        var seen = new List<double>();
        var options = new LanguageModelOptions { Backend = new ReferenceBackend(), Progress = new Recorder(seen) };
        LanguageModel.Open(Fixtures.Path("models/gptj"), options).Dispose();
        Assert.Equal(1, seen[^1], 12);
        Assert.Equal(seen.Order(), seen);
        cancellation.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => LanguageModel.Open(Fixtures.Path("models/gptj"), options with { Backend = new ReferenceBackend() }, cancellation.Token));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed class Recorder(List<double> seen) : IProgress<double>
    {
        public void Report(double value) => seen.Add(value);
    }
}
