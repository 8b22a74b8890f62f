using Palmyra.Gpu.Bundle;
using Palmyra.Testing;

return BundleRun.Run(args, OpCases.All, Console.Out, Console.Error);
