using Palmyra.Gpu.Bundle.Results;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>Something to be measured.</summary>
/// <param name="Part">Which part of the table it belongs to.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Measure">Measures it.</param>
internal sealed record Trial(string Part, string Name, Func<IReadOnlyList<ResultRow>> Measure);
