namespace Palmyra.Gpu.Driver;

public sealed unsafe partial class CudaDriver
{
    /// <summary>Two pinned buffers that bytes from the host pass through on their way to the device, and one for those that come back.</summary>
    /// <remarks>
    /// Copies are packed into a buffer until it is full; then the other one is taken, as soon as the device has read it. So a copy of many
    /// buffers fills one while the other is on the bus, and a small copy waits for the device only where megabytes went before it. Several threads
    /// fill a buffer that takes megabytes: of a mapped file's pages one thread brings a gigabyte or three a second, an estimate, and a bus takes
    /// tens.
    /// </remarks>
    private sealed class StagingBuffers : IDisposable
    {
        /// <summary>Bytes of a buffer: a transfer of this size is as fast as a bus gets, and two are no burden on pinned memory.</summary>
        public const int DefaultBytes = 8 << 20;

        // What a thread copies at a time, and the least for which others are woken. More threads than that would bring no more.
        private const int PieceBytes = 1 << 20;
        private const int MostThreads = 8;

        private const uint WithoutTiming = 2;
        private const int Alignment = 64;

        private readonly CudaDriver _driver;
        private readonly int _bytes;
        private readonly byte*[] _memory = new byte*[2];
        private readonly nint[] _read = new nint[2];
        private byte* _fetched;
        private int _current;
        private int _used;
        private bool _otherBusy;

        public StagingBuffers(CudaDriver driver, int bytes)
        {
            _driver = driver;
            _bytes = bytes;
        }

        /// <summary>Bytes of each buffer.</summary>
        public int Bytes => _bytes;

        /// <summary>Starts a copy from the device, of at most a buffer.</summary>
        /// <returns>Where the bytes are once the stream was waited for, until the next copy.</returns>
        public ReadOnlySpan<byte> Fetch(nint address, int length)
        {
            if (length > 0)
            {
                _fetched = _fetched == null ? Allocate() : _fetched;
                _driver.Check(
                    _driver._cuda.MemcpyDtoHAsync(_fetched, address, (nuint)length, _driver._stream), "copying to the host", length);
            }

            return new ReadOnlySpan<byte>(_fetched, length);
        }

        /// <summary>Copies bytes to the device; what they came from may be changed afterwards.</summary>
        public void Send(nint address, ReadOnlySpan<byte> source)
        {
            while (!source.IsEmpty)
            {
                if (_used == _bytes)
                {
                    Turn();
                }

                // Made when first used: a driver that is only asked for its free memory pins none.
                byte* buffer = _memory[_current] == null ? Pin() : _memory[_current];
                int length = Math.Min(source.Length, _bytes - _used);
                Fill(buffer + _used, source[..length]);
                _driver.Check(
                    _driver._cuda.MemcpyHtoDAsync(address, buffer + _used, (nuint)length, _driver._stream), "copying to the device", length);
                _used = Math.Min(_bytes, (_used + length + Alignment - 1) / Alignment * Alignment);
                address += length;
                source = source[length..];
            }
        }

        /// <summary>Everything enqueued is done, so both buffers are free.</summary>
        public void AllSent() => (_used, _otherBusy) = (0, false);

        public void Dispose()
        {
            for (int i = 0; i < 2; i++)
            {
                if (_read[i] != 0)
                {
                    _driver._cuda.EventDestroy(_read[i]);
                }

                if (_memory[i] != null)
                {
                    _driver._cuda.MemFreeHost(_memory[i]);
                }
            }

            if (_fetched != null)
            {
                _driver._cuda.MemFreeHost(_fetched);
            }
        }

        private static void Fill(byte* to, ReadOnlySpan<byte> source)
        {
            int length = source.Length;
            if (length < 2 * PieceBytes)
            {
                source.CopyTo(new Span<byte>(to, length));
                return;
            }

            fixed (byte* pinned = source)
            {
                byte* from = pinned;
                Parallel.For(
                    0,
                    (length + PieceBytes - 1) / PieceBytes,
                    new ParallelOptions { MaxDegreeOfParallelism = Math.Min(MostThreads, Environment.ProcessorCount) },
                    piece =>
                    {
                        int at = piece * PieceBytes;
                        int count = Math.Min(PieceBytes, length - at);
                        new ReadOnlySpan<byte>(from + at, count).CopyTo(new Span<byte>(to + at, count));
                    });
            }
        }

        private void Turn()
        {
            _driver.Check(_driver._cuda.EventRecord(_read[_current], _driver._stream), "marking a copy");
            int other = 1 - _current;
            if (_otherBusy)
            {
                _driver.Check(_driver._cuda.EventSynchronize(_read[other]), "waiting for a copy to the device");
            }

            (_current, _used, _otherBusy) = (other, 0, true);
        }

        private byte* Pin()
        {
            nint read = 0;
            if (_read[_current] == 0)
            {
                _driver.Check(_driver._cuda.EventCreate(&read, WithoutTiming), "creating an event");
                _read[_current] = read;
            }

            return _memory[_current] = Allocate();
        }

        private byte* Allocate()
        {
            byte* memory = null;
            _driver.Check(_driver._cuda.MemHostAlloc(&memory, (nuint)_bytes, 0), "pinning memory of the host", _bytes);
            return memory;
        }
    }
}
