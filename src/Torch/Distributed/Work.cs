using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static partial class torch
{
    public static partial class distributed
    {
        /// <summary>A collective under way. Its tensors must not be touched until it was waited for.</summary>
        public sealed class Work : IDisposable
        {
            private readonly string _what;
            private readonly TimeSpan _timeout;
            private readonly Tensor? _target;
            private Tensor? _wide;
            private nint _handle;

            /// <param name="handle">The native work, now this object's.</param>
            /// <param name="what">For messages.</param>
            /// <param name="timeout">What waiting takes at most by default.</param>
            /// <param name="wide">When given, what the collective works on, in place of <paramref name="target"/>; now this object's.</param>
            /// <param name="target">Receives a copy of <paramref name="wide"/> when the collective is done.</param>
            internal Work(nint handle, string what, TimeSpan timeout, Tensor? wide, Tensor? target)
            {
                _handle = handle;
                _what = what;
                _timeout = timeout;
                _wide = wide;
                _target = target;
            }

            /// <summary>Whether waiting would return, or throw, at once.</summary>
            public bool is_completed => DistributedError.Check(NativeMethods.ct_work_is_completed(Handle), _what) != 0;

            private nint Handle
            {
                get
                {
                    ObjectDisposedException.ThrowIf(_handle == 0, this);
                    return _handle;
                }
            }

            /// <summary>Waits for the collective, at most <paramref name="timeout"/> (by default the group's).</summary>
            /// <exception cref="DistributedException">It failed or took too long. The group is broken: make a new one.</exception>
            public void wait(TimeSpan? timeout = null)
            {
                DistributedError.Check(NativeMethods.ct_work_wait(Handle, DistributedError.Milliseconds(timeout ?? _timeout)), _what);
                if (_wide is not null)
                {
                    using GradModeGuard guard = no_grad();
                    _target!.copy_(_wide);
                    _wide.Dispose();
                    _wide = null;
                }
            }

            public void Dispose()
            {
                if (_handle != 0)
                {
                    NativeMethods.ct_work_free(_handle);
                    _handle = 0;
                }

                _wide?.Dispose();
                _wide = null;
            }
        }
    }
}
