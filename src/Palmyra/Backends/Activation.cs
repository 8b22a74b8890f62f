namespace Palmyra.Backends;

/// <summary>The function a feed-forward layer applies between its two matrices (config key <c>activation_function</c>).</summary>
public enum Activation
{
    /// <summary>The identity.</summary>
    None,

    /// <summary><c>gelu_new</c>, <c>gelu_pytorch_tanh</c>, <c>gelu_fast</c>: 0.5x(1 + tanh(√(2/π)(x + 0.044715x³))).</summary>
    GeluTanh,

    /// <summary><c>gelu</c>: 0.5x(1 + erf(x/√2)), exact. Palmyra-small uses it.</summary>
    GeluErf,

    /// <summary><c>quick_gelu</c>: x·σ(1.702x).</summary>
    QuickGelu,

    /// <summary><c>relu</c>: max(x, 0).</summary>
    Relu,

    /// <summary><c>silu</c>, <c>swish</c>: x·σ(x).</summary>
    Silu,

    /// <summary><c>tanh</c>.</summary>
    Tanh,
}
