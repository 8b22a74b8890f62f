using Palmyra.Backends;
using Palmyra.Evaluation.Replay;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;
using Xunit.Abstractions;

namespace Palmyra.Gpu.Tests;

/// <summary>Every recorded output of the reference implementation, replayed on the GPU backend with its kernels interpreted.</summary>
public sealed class GpuVerificationTests(ITestOutputHelper output)
{
    public static TheoryData<string> Folders => [.. Fixtures.Models];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Agrees_with_transformers(string folder) => AssertAgrees(folder, contracts: false);

    /// <summary>As NVIDIA's assembler may do: see <see cref="GpuOperationTests"/>.</summary>
    [Theory]
    [InlineData("gptj-full-rotary-f16")]
    [InlineData("gpt-neo-bin-sharded")]
    public void Agrees_with_transformers_if_products_and_sums_are_joined(string folder) => AssertAgrees(folder, contracts: true);

    private void AssertAgrees(string folder, bool contracts)
    {
        var driver = new PtxDriver { Contracts = contracts };
        string path = Fixtures.Path($"models/{folder}");
        using LanguageModel model = LanguageModel.Open(
            path,
            new LanguageModelOptions { Backend = new CheckedBackend(InterpretedGpu.Create(driver, GemmPrecision.Exact)), Format = MatrixFormat.F32 });
        VerificationReport report = Verification.Run(model.Transformer, path);
        output.WriteLine($"{driver.Launches} launches");
        Assert.All(report.Sections, section => Assert.True(section.Passed, section.ToString()));
        Assert.Equal(10, report.Sections.Count(section => section.Name.StartsWith("generation: ", StringComparison.Ordinal)));
    }

    /// <summary>The files of 16-bit numbers as they are: many rows go to the tensor cores, which split their inputs in two.</summary>
    [Theory]
    [InlineData("gptj-full-rotary-f16")]
    [InlineData("gpt2-inverse-layer-upcast")]
    [InlineData("gpt-neo-bin-sharded")]
    public void Exact_products_agree_with_transformers_on_files_of_16_bits(string folder)
    {
        var driver = new PtxDriver();
        string path = Fixtures.Path($"models/{folder}");
        using LanguageModel model = LanguageModel.Open(
            path, new LanguageModelOptions { Backend = new CheckedBackend(InterpretedGpu.Create(driver, GemmPrecision.Exact)) });
        Assert.NotEqual(MatrixFormat.F32, model.Transformer.Weights.Blocks[0].Up.Format);
        VerificationReport report = Verification.Run(model.Transformer, path);
        Assert.All(report.Sections, section => Assert.True(section.Passed, section.ToString()));
        Assert.Contains(driver.Statistics, pair => pair.Value.TensorOperations > 0);
    }
}
