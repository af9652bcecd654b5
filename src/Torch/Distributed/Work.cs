using System.Diagnostics;
using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static partial class torch
{
    public static partial class distributed
    {
        /// <summary>
        /// A collective under way. Its tensors must not be touched until it was waited for. When waiting threw, the collective
        /// may still be under way and write to them until its group's time-out has passed: libtorch keeps their memory until
        /// then, but what it holds is no longer the caller's. To go on, take other tensors.
        /// </summary>
        public sealed class Work : IDisposable
        {
            // How late an abort may be noticed.
            private static readonly TimeSpan s_slice = TimeSpan.FromMilliseconds(50);

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

            /// <summary>Waits for the collective, at most the group's time-out.</summary>
            /// <param name="abort">Ends the wait early, within some 50 ms, when it is cancelled.</param>
            /// <exception cref="DistributedException">
            /// It failed or took too long, or the wait was aborted (<see cref="DistributedException.Aborted"/>). The group is
            /// broken: abandon it and make a new one.
            /// </exception>
            public void wait(CancellationToken abort = default) => wait(_timeout, abort);

            /// <summary>Waits for the collective, at most <paramref name="timeout"/>. May be called again when that has passed.</summary>
            /// <inheritdoc cref="wait(CancellationToken)"/>
            public void wait(TimeSpan timeout, CancellationToken abort = default)
            {
                WaitUntilDone(timeout, abort);
                if (_wide is not null)
                {
                    using GradModeGuard guard = no_grad();
                    _target!.copy_(_wide);
                    _wide.Dispose();
                    _wide = null;
                }
            }

            /// <summary>Lets the work go, without waiting for it.</summary>
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

            private void WaitUntilDone(TimeSpan timeout, CancellationToken abort)
            {
                long start = Stopwatch.GetTimestamp();
                TimeSpan left = timeout;
                do
                {
                    TimeSpan slice = abort.CanBeCanceled && left > s_slice ? s_slice : left;
                    if (DistributedError.Check(NativeMethods.ct_work_wait(Handle, DistributedError.Milliseconds(slice)), _what) != 0)
                    {
                        return;
                    }

                    if (abort.IsCancellationRequested)
                    {
                        throw new DistributedException($"{_what}: the wait was aborted") { Aborted = true };
                    }

                    left = timeout - Stopwatch.GetElapsedTime(start);
                }
                while (left > TimeSpan.Zero);
                throw new DistributedException($"{_what}: timed out after {timeout.TotalSeconds:0.###} s");
            }
        }
    }
}
