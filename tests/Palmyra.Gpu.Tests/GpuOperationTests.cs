using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;
using Xunit.Abstractions;

namespace Palmyra.Gpu.Tests;

/// <summary>The whole table of operation cases on the GPU backend, its kernels interpreted, against the reference.</summary>
public sealed class GpuOperationTests(ITestOutputHelper output)
{
    public static TheoryData<string> Cases => [.. OpCases.All.Select(test => test.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_the_reference(string name)
    {
        OpCase test = OpCases.All.Single(candidate => candidate.Name == name);
        using var reference = new CheckedBackend(new ReferenceBackend());
        using var gpu = new CheckedBackend(new GpuBackend(new PtxDriver()));
        double error = Numbers.SquaredError(test.Run(reference), test.Run(gpu));
        output.WriteLine($"{error:G3} of {test.Bound:G3}");
        Assert.True(error <= test.Bound, $"Normalised squared error {error:G3}, allowed {test.Bound:G3}.");
    }
}
