using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static partial class torch
{
    /// <summary>Seeds the default generators of all devices.</summary>
    public static void manual_seed(long seed) => NativeError.Check(NativeMethods.ct_manual_seed((ulong)seed), "torch.manual_seed");

    /// <summary>The generator that operators use when they are given none. Disposing of it only lets go of it.</summary>
    public static Generator default_generator(Device? device = null) => new(device ?? CPU, shared: true);

    /// <summary>A stream of random numbers for one device.</summary>
    public sealed class Generator : IDisposable
    {
        private nint _handle;

        /// <summary>A generator of its own, seeded with <paramref name="seed"/>.</summary>
        public Generator(long seed = 0, Device? device = null)
            : this(device ?? CPU, shared: false) => manual_seed(seed);

        internal Generator(Device device, bool shared)
        {
            this.device = device;
            _handle = NativeError.CheckPointer(
                NativeMethods.ct_generator((int)device.type, device.index, shared ? 1 : 0), "torch.Generator");
        }

        public Device device { get; }

        internal nint Handle
        {
            get
            {
                ObjectDisposedException.ThrowIf(_handle == 0, this);
                return _handle;
            }
        }

        public Generator manual_seed(long seed)
        {
            NativeError.Check(NativeMethods.ct_generator_seed(Handle, (ulong)seed), "Generator.manual_seed");
            return this;
        }

        /// <summary>The whole state as a uint8 tensor.</summary>
        public Tensor get_state() =>
            new(NativeError.CheckPointer(NativeMethods.ct_generator_get_state(Handle), "Generator.get_state"));

        /// <summary>Continues from a state that <see cref="get_state"/> of a generator of the same device type gave.</summary>
        public void set_state(Tensor state) =>
            NativeError.Check(NativeMethods.ct_generator_set_state(Handle, state.Handle), "Generator.set_state");

        public void Dispose()
        {
            if (_handle != 0)
            {
                NativeMethods.ct_generator_free(_handle);
                _handle = 0;
            }
        }
    }
}
