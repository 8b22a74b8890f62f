using ILGPU;

namespace Palmyra.Gpu.Kernels;

/// <summary>A 16-bit float that tensor cores multiply.</summary>
internal interface IGemmNumber
{
    /// <summary>Whether rows are scaled into its range first.</summary>
    static abstract bool IsScaled { get; }

    /// <summary>The bits of the nearest one, ties to even.</summary>
    static abstract uint Round(float value);

    /// <summary>What bits stand for.</summary>
    static abstract float Value(uint bits);
}

/// <summary>The upper half of a float: its range is a float's, so rows stay as they are.</summary>
internal readonly struct BrainNumber : IGemmNumber
{
    public static bool IsScaled => false;

    public static uint Round(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;

        // Only a number that is not equal to itself could carry into the sign.
        return float.IsNaN(value) ? 0x7FC0 : rounded;
    }

    public static float Value(uint bits) => Interop.IntAsFloat(bits << 16);
}

/// <summary>An IEEE half, below 65,520.</summary>
internal readonly struct HalfNumber : IGemmNumber
{
    public static bool IsScaled => true;

    public static uint Round(float value) => Interop.FloatAsInt((ILGPU.Half)value);

    public static float Value(uint bits) => Interop.IntAsFloat((ushort)bits);
}
