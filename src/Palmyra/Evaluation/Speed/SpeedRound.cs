namespace Palmyra.Evaluation.Speed;

/// <summary>One round of measurements.</summary>
/// <param name="PrefillSeconds">The prompt, up to its last token's logits.</param>
/// <param name="DecodeSeconds">All decoded tokens.</param>
/// <param name="DecodeAllocatedBytes">What decoding them took from the managed heap, all threads together.</param>
/// <param name="Bandwidth">The memory bandwidth that its limits measured, GB/s.</param>
/// <param name="Peak">The arithmetic peak that they measured, GFLOP/s; null where they measure none.</param>
public sealed record SpeedRound(double PrefillSeconds, double DecodeSeconds, long DecodeAllocatedBytes, double Bandwidth, double? Peak);
