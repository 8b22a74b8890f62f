using Palmyra.Backends;
using Palmyra.Evaluation.Replay;
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
    public void Agrees_with_transformers(string folder)
    {
        var driver = new PtxDriver();
        string path = Fixtures.Path($"models/{folder}");
        using LanguageModel model = LanguageModel.Open(
            path, new LanguageModelOptions { Backend = new CheckedBackend(InterpretedGpu.Create(driver)), Format = MatrixFormat.F32 });
        VerificationReport report = Verification.Run(model.Transformer, path);
        output.WriteLine($"{driver.Launches} launches");
        Assert.All(report.Sections, section => Assert.True(section.Passed, section.ToString()));
        Assert.Equal(10, report.Sections.Count(section => section.Name.StartsWith("generation: ", StringComparison.Ordinal)));
    }
}
