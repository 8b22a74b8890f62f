using System.Runtime.InteropServices;

namespace Palmyra.Gpu.Kernels;

/// <summary>Four floats: one load or store of 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Float4
{
    public float X;
    public float Y;
    public float Z;
    public float W;

    public readonly float Sum => (X + Y) + (Z + W);

    public static Float4 operator +(Float4 a, Float4 b) => new() { X = a.X + b.X, Y = a.Y + b.Y, Z = a.Z + b.Z, W = a.W + b.W };

    public static Float4 operator *(Float4 a, float s) => new() { X = a.X * s, Y = a.Y * s, Z = a.Z * s, W = a.W * s };

    /// <summary>a + b·s.</summary>
    public static Float4 MultiplyAdd(Float4 b, float s, Float4 a) =>
        new() { X = (b.X * s) + a.X, Y = (b.Y * s) + a.Y, Z = (b.Z * s) + a.Z, W = (b.W * s) + a.W };
}

/// <summary>Eight floats: what kernels compute with at a time.</summary>
internal struct Float8
{
    public Float4 A;
    public Float4 B;

    /// <summary>sum + Σ a·b.</summary>
    public static float Dot(Float8 a, Float8 b, float sum)
    {
        sum = (a.A.X * b.A.X) + sum;
        sum = (a.A.Y * b.A.Y) + sum;
        sum = (a.A.Z * b.A.Z) + sum;
        sum = (a.A.W * b.A.W) + sum;
        sum = (a.B.X * b.B.X) + sum;
        sum = (a.B.Y * b.B.Y) + sum;
        sum = (a.B.Z * b.B.Z) + sum;
        return (a.B.W * b.B.W) + sum;
    }

    public static Float8 operator *(Float8 a, float s) => new() { A = a.A * s, B = a.B * s };

    /// <summary>a + b·s.</summary>
    public static Float8 MultiplyAdd(Float8 b, float s, Float8 a) =>
        new() { A = Float4.MultiplyAdd(b.A, s, a.A), B = Float4.MultiplyAdd(b.B, s, a.B) };
}

/// <summary>Two words: one load of 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Word2
{
    public uint X;
    public uint Y;
}

/// <summary>Four words: one load of 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Word4
{
    public uint X;
    public uint Y;
    public uint Z;
    public uint W;
}
