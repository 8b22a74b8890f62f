using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Backends.Reference;
using Palmyra.Testing;

namespace Palmyra.Tests.Backends;

/// <summary>The whole table of operation cases on the CPU backend, at every width, against the reference.</summary>
public class CpuOperationTests
{
    public static TheoryData<string, VectorWidth> Cases
    {
        get
        {
            var data = new TheoryData<string, VectorWidth>();
            foreach (OpCase test in OpCases.All)
            {
                foreach (VectorWidth width in Enum.GetValues<VectorWidth>())
                {
                    data.Add(test.Name, width);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_with_the_reference(string name, VectorWidth width)
    {
        OpCase test = OpCases.All.Single(candidate => candidate.Name == name);
        using var reference = new CheckedBackend(new ReferenceBackend());
        using var cpu = new CheckedBackend(new CpuBackend(new CpuOptions { Threads = 2, VectorWidth = width }));
        double error = Numbers.SquaredError(test.Run(reference), test.Run(cpu));
        Assert.True(error <= test.Bound, $"Normalised squared error {error:G3}, allowed {test.Bound:G3}.");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Is_the_same_to_the_bit_at_every_width_and_thread_count(string name)
    {
        OpCase test = OpCases.All.Single(candidate => candidate.Name == name);
        using var first = new CpuBackend(new CpuOptions { Threads = 1, VectorWidth = VectorWidth.Bits128 });
        float[] expected = test.Run(first);
        foreach (VectorWidth width in Enum.GetValues<VectorWidth>())
        {
            using var other = new CpuBackend(new CpuOptions { Threads = width == VectorWidth.Bits256 ? 3 : 2, VectorWidth = width });
            Bits.Equal(expected, test.Run(other));
        }
    }

    public static TheoryData<string> Names => [.. OpCases.All.Select(test => test.Name)];
}
