using Palmyra.Backends;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>What trials are run on.</summary>
/// <param name="Bench">The run.</param>
/// <param name="Driver">The open device.</param>
/// <param name="Backend">A backend on it.</param>
/// <param name="Copy">Its limit.</param>
/// <param name="Sizes">How large.</param>
internal sealed record SpeedStand(Bench Bench, ObservedDriver Driver, IBackend Backend, CopyBandwidth Copy, SpeedSizes Sizes);
