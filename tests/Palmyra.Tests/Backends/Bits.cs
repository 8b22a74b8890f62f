namespace Palmyra.Tests.Backends;

/// <summary>Equality of floats to the last bit, signs of zero and NaN included.</summary>
internal static class Bits
{
    public static void Equal(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(expected[i]) != BitConverter.SingleToInt32Bits(actual[i]))
            {
                Assert.Fail($"Number {i} of {expected.Length} differs: expected {expected[i]:G9}, found {actual[i]:G9}.");
            }
        }
    }
}
