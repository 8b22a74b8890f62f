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

    public static TheoryData<string> ProductCases => [.. OpCases.All.Select(test => test.Name).Where(IsOnTensorCores)];

    [Theory]
    [MemberData(nameof(ProductCases))]
    public void Agrees_with_the_reference_exactly_if_told_to(string name) => AssertAgrees(name, GemmPrecision.Exact);

    private void AssertAgrees(string name, GemmPrecision precision)
    {
        OpCase test = OpCases.All.Single(candidate => candidate.Name == name);
        double bound = Math.Max(test.Bound, IsOnTensorCores(name) ? BoundOf(name, precision) : 0);
        using var reference = new CheckedBackend(new ReferenceBackend());
        using var gpu = new CheckedBackend(new GpuBackend(new PtxDriver()) { Precision = precision });
        double error = Numbers.SquaredError(test.Run(reference), test.Run(gpu));
        output.WriteLine($"{error:G3} of {bound:G3}");
        Assert.True(error <= bound, $"Normalised squared error {error:G3}, allowed {bound:G3}.");
    }

    // Products of more than 16 rows with narrow weights.
    private static bool IsOnTensorCores(string name)
    {
        string[] words = name.Split(' ');
        return words[0] is "Linear" or "Score" && int.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture) > Gemv.MostRows && !words.Contains("F32");
    }

    // Inputs rounded to n digits are off by up to half a step, 2⁻ⁿ of themselves, evenly spread: a squared error of 4⁻ⁿ/3 where they are just
    // above a power of two, a quarter of that just below. Two 16-bit numbers have twice the digits. Twice the larger is allowed.
    private static double BoundOf(string name, GemmPrecision precision)
    {
        int digits = name.Split(' ').Contains("BF16") ? 8 : 11;
        return 2 * Math.Pow(4, -(precision == GemmPrecision.Exact ? 2 * digits : digits)) / 3;
    }
}
