namespace Palmyra.Backends.Cpu;

/// <summary>How many bits the CPU backend's vectors have. Results are the same to the bit at every width; only speed differs.</summary>
public enum VectorWidth
{
    /// <summary>One float at a time.</summary>
    Scalar = 32,

    /// <summary>Four floats: SSE, Arm's Advanced SIMD.</summary>
    Bits128 = 128,

    /// <summary>Eight floats: AVX2.</summary>
    Bits256 = 256,

    /// <summary>Sixteen floats: AVX-512.</summary>
    Bits512 = 512,
}
