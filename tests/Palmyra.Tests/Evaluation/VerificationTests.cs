using System.Text.Json.Nodes;
using CsCheck;
using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Backends.Reference;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Replay;
using Palmyra.Storyteller;
using Palmyra.Testing;
using Palmyra.Tokenization;
using Xunit;

namespace Palmyra.Tests.Evaluation;

/// <summary>Every recorded output of the reference implementation, replayed on every backend; and that a wrong model does not pass.</summary>
public sealed class VerificationTests
{
    [Fact]
    public void Nothing_compared_is_nothing_passed() => Assert.False(new VerificationReport("folder", "reference", 0, []).Passed);

    public static TheoryData<string> Folders => [.. Fixtures.Models];

    [Theory]
    [MemberData(nameof(Folders))]
    public void The_reference_backend_agrees_with_transformers(string folder) =>
        AssertPasses(Fixtures.Path($"models/{folder}"), new CheckedBackend(new ReferenceBackend()));

    [Theory]
    [MemberData(nameof(Folders))]
    public void The_cpu_backend_agrees_with_transformers(string folder) =>
        AssertPasses(Fixtures.Path($"models/{folder}"), new CheckedBackend(new CpuBackend(new CpuOptions { Threads = 2 })));

    [Fact]
    public void The_default_model_gives_its_recorded_texts()
    {
        using LanguageModel model = Open(DefaultModel.Folder, new CheckedBackend(new CpuBackend(new CpuOptions { Threads = 2 })));
        VerificationReport report = Verification.Run(model.Transformer, Fixtures.Path("storyteller"), model.Tokenizer);
        Assert.All(report.Sections, section => Assert.True(section.Passed, section.ToString()));
        Assert.Contains("token ids of texts", report.Sections.Select(section => section.Name));
        Assert.Equal(3, report.Sections.Count(section => section.Name.StartsWith("text: ", StringComparison.Ordinal)));
    }

    [SkippableFact]
    public void The_GPT2_tokenizer_gives_the_recorded_cases()
    {
        string? folder = SharedData.PathOrNull("data/gpt2-tokenizer");
        string? cases = SharedData.PathOrNull("fixtures/tokenizer-gpt2.json");
        Skip.If(folder is null || cases is null, "the GPT-2 vocabulary is not beside the repository (shared/data/gpt2-tokenizer)");
        VerificationReport report = TokenizerVerification.Run(GptTokenizer.Open(folder), cases);
        Assert.All(report.Sections, section => Assert.True(section.Passed, section.ToString()));
        Assert.Equal(3, report.Sections.Count);
    }

    [Fact]
    public void Another_models_tokenizer_does_not_pass()
    {
        string cases = Path.Combine(Directory.CreateTempSubdirectory("palmyra-verify-").FullName, "cases.json");
        File.WriteAllText(cases, """
            {"format": "palmyra-tokenizer/1", "reference": "hand",
             "cases": [{"text": "a", "ids": [64], "decoded": "a"}],
             "decode_prefixes": [{"ids": [4095], "decoded": "no"}]}
            """);
        VerificationReport report = TokenizerVerification.Run(GptTokenizer.Open(DefaultModel.Folder), cases);
        Directory.Delete(Path.GetDirectoryName(cases)!, recursive: true);
        Assert.False(report.Sections.Single(section => section.Name == "texts of ids cut inside a character").Passed);
    }

    [Fact]
    public void A_model_with_a_wrong_activation_does_not_pass()
    {
        using LanguageModel model = Open(Fixtures.Path("models/gpt2-palmyra-small-style"), new ReferenceBackend());
        using var wrong = new Palmyra.Models.Transformer(
            model.Config with { Activation = Activation.GeluTanh }, model.Transformer.Weights, model.Backend);
        VerificationReport report = Verification.Run(wrong, model.Folder);
        Assert.False(report.Passed);
        Assert.False(report.Sections.Single(section => section.Name == "logits").Passed);
    }

    [Theory]
    [InlineData("palmyra-reference/1", "palmyra-reference/9", "format was expected to be palmyra-reference/1; found palmyra-reference/9")]
    [InlineData("\"input_ids\": [431]", "\"input_ids\": [512]", "prompts[0].input_ids was expected to be 1 to 128 ids below 512; found [512]")]
    [InlineData("prompt.0.logits", "prompt.9.logits", "tensor 'prompt.9.logits'")]
    public void A_damaged_recording_is_named(string from, string to, string message)
    {
        using LanguageModel model = Open(Fixtures.Path("models/gpt2"), new ReferenceBackend());
        string folder = Directory.CreateTempSubdirectory("palmyra-verify-").FullName;
        try
        {
            string text = File.ReadAllText(Path.Combine(model.Folder, "expected.json"));
            string compact = System.Text.RegularExpressions.Regex.Replace(text, @"\[\s*(-?\d+)\s*\]", "[$1]");
            Assert.Contains(from, compact, StringComparison.Ordinal);
            File.WriteAllText(Path.Combine(folder, "expected.json"), compact.Replace(from, to, StringComparison.Ordinal));
            File.Copy(Path.Combine(model.Folder, "expected.safetensors"), Path.Combine(folder, "expected.safetensors"));
            var failure = Assert.Throws<CheckpointException>(() => Verification.Run(model.Transformer, folder));
            Assert.Contains(message, failure.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_mutated_recording_is_replayed_or_refused_and_nothing_else()
    {
        using LanguageModel model = Open(Fixtures.Path("models/gptj-inner-tied"), new CheckedBackend(new CpuBackend(new CpuOptions { Threads = 1 })));
        JsonObject recording = JsonNode.Parse(File.ReadAllText(Path.Combine(model.Folder, "expected.json")))!.AsObject();
        var generation = recording["generation"]!.AsArray();
        recording["generation"] = new JsonArray(generation[0]!.DeepClone());
        string text = recording.ToJsonString();
        string folder = Directory.CreateTempSubdirectory("palmyra-verify-").FullName;
        try
        {
            File.Copy(Path.Combine(model.Folder, "expected.safetensors"), Path.Combine(folder, "expected.safetensors"));
            const string Letters = "0123456789-.e\"[]{},:nulltrue\\ ";
            Gen.Select(Gen.Int[0, text.Length - 1], Gen.Int[0, 3], Gen.Int[0, Letters.Length - 1]).Sample(
                (at, cut, letter) =>
                {
                    string mutated = text[..at] + Letters[letter] + text[Math.Min(text.Length, at + cut)..];
                    File.WriteAllText(Path.Combine(folder, "expected.json"), mutated);
                    try
                    {
                        _ = Verification.Run(model.Transformer, folder).Passed;
                    }
                    catch (PalmyraException failure)
                    {
                        Assert.NotEmpty(failure.Message);
                    }
                },
                iter: 200,
                threads: 1);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_folder_without_a_recording_is_named()
    {
        using LanguageModel model = Open(Fixtures.Path("models/gpt2"), new ReferenceBackend());
        string absent = Fixtures.Path("refused");
        Assert.False(Verification.HasRecording(absent));
        var failure = Assert.Throws<CheckpointException>(() => Verification.Run(model.Transformer, absent));
        Assert.Contains(absent, failure.Message, StringComparison.Ordinal);
    }

    private static void AssertPasses(string folder, IBackend backend)
    {
        using LanguageModel model = Open(folder, backend);
        VerificationReport report = Verification.Run(model.Transformer, folder);
        Assert.All(report.Sections, section => Assert.True(section.Passed, $"{section} on {backend.Description}"));
        Assert.Contains("logits", report.Sections.Select(section => section.Name));
        Assert.Contains("hidden states", report.Sections.Select(section => section.Name));
        Assert.Contains("padded logits", report.Sections.Select(section => section.Name));
        Assert.Equal(10, report.Sections.Count(section => section.Name.StartsWith("generation: ", StringComparison.Ordinal)));
        Assert.Equal(4, report.Sections.Count(section => section.Name.StartsWith("scores: ", StringComparison.Ordinal)));
        Assert.Equal(11, report.Sections.Count(section => section.Name.StartsWith("filter: ", StringComparison.Ordinal)));
    }

    private static LanguageModel Open(string folder, IBackend backend) => LanguageModel.Open(folder, new LanguageModelOptions { Backend = backend });
}
