using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Gpu.Kernels;
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
    public void Agrees_with_the_reference(string name) => AssertAgrees(name, GemmPrecision.Rounded);

    public static TheoryData<string> ProductCases => [.. OpCases.All.Where(GpuBounds.IsOnTensorCores).Select(test => test.Name)];

    [Theory]
    [MemberData(nameof(ProductCases))]
    public void Agrees_with_the_reference_exactly_if_told_to(string name) => AssertAgrees(name, GemmPrecision.Exact);

    /// <summary>NVIDIA's assembler may join products and sums: the bounds must not hang on its choice.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_the_reference_if_products_and_sums_are_joined(string name) => AssertAgrees(name, GemmPrecision.Rounded, contracts: true);

    private void AssertAgrees(string name, GemmPrecision precision, bool contracts = false)
    {
        OpCase test = OpCases.All.Single(candidate => candidate.Name == name);
        double bound = GpuBounds.Of(test, precision);
        using var reference = new CheckedBackend(new ReferenceBackend());
        using var gpu = new CheckedBackend(InterpretedGpu.Create(new PtxDriver { Contracts = contracts }, precision));
        double error = Numbers.SquaredError(test.Run(reference), test.Run(gpu));
        output.WriteLine($"{error:G3} of {bound:G3}");
        Assert.True(error <= bound, $"Normalised squared error {error:G3}, allowed {bound:G3}.");
    }
}
