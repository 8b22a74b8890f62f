using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Backends.Reference;
using Palmyra.Testing;

namespace Palmyra.Tests.Models;

/// <summary>Whole models of Q8 and Q4 on the CPU against the reference backend, which computes in double on the numbers the integers mean.</summary>
public sealed class QuantizedModelTests
{
    private const double Enlarged = 8;

    /// <summary>The largest relative error of one product's inputs: half a step of 16 bits (Q8) or of 8 (Q4), where numbers are spread evenly.</summary>
    private static double InputError(MatrixFormat format) => format == MatrixFormat.Q8 ? 1.0 / 65534 : 1.0 / 254;

    // A layer has four products, each of which adds its inputs' rounding to what came before; the head is one more. Independent errors add up
    // squared. Norms, activations and above all the softmax of large scores (GPT-Neo's are not scaled) pass an error on enlarged: for these
    // random models eight times is allowed, squared.
    [Theory]
    [InlineData("gpt2", MatrixFormat.Q8)]
    [InlineData("gpt2", MatrixFormat.Q4)]
    [InlineData("gptj", MatrixFormat.Q8)]
    [InlineData("gptj", MatrixFormat.Q4)]
    [InlineData("gpt-neo", MatrixFormat.Q8)]
    [InlineData("gpt-neo", MatrixFormat.Q4)]
    public void Logits_are_those_of_the_dequantised_weights_but_for_the_rounding_of_inputs(string name, MatrixFormat format)
    {
        using var reference = new CpuFixture(name, format, new ReferenceBackend());
        using var cpu = new CpuFixture(name, format, new CpuOptions { Threads = 2 });
        float[][] expected = reference.Logits([0, 1, 2, 3], int.MaxValue, cache: null);
        float[][] actual = cpu.Logits([0, 1, 2, 3], int.MaxValue, cache: null);
        int products = (4 * reference.Config.Layers) + 1;
        double bound = Enlarged * Enlarged * products * InputError(format) * InputError(format);
        foreach (int i in reference.Each)
        {
            double error = Numbers.SquaredError(expected[i], actual[i]);
            Assert.True(error <= bound, $"Sequence {i}: normalised squared error {error:G3}, allowed {bound:G3}.");
            Assert.True(error > 0, "Nothing was rounded: the two did not compute on integers and on floats.");
        }
    }
}
