using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static unsafe partial class torch
{
    /// <summary>
    /// A tensor of libtorch. It is released when disposed of, which the <see cref="DisposeScope"/> that it was created in
    /// does at its end. There is no finalizer: a tensor made outside any scope must be disposed of by its owner.
    /// </summary>
    [SuppressMessage("Design", "CA1063:Implement IDisposable correctly", Justification = "No finalizer, and subclasses own nothing more.")]
    public partial class Tensor : IDisposable
    {
        private nint _handle;

        /// <summary>Takes over an owned handle, into the current dispose scope.</summary>
        internal Tensor(nint handle)
            : this(handle, DisposeScope.Current)
        {
        }

        private protected Tensor(nint handle, DisposeScope? scope)
        {
            _handle = handle;
            scope?.Add(this);
        }

        internal DisposeScope? Scope { get; set; }

        internal int ScopeIndex { get; set; }

        /// <summary>The address of the TensorImpl.</summary>
        /// <exception cref="ObjectDisposedException">The tensor was released.</exception>
        public nint Handle
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get
            {
                nint handle = _handle;
                if (handle == 0)
                {
                    ThrowDisposed();
                }

                return handle;
            }
        }

        /// <summary>Whether the tensor was released.</summary>
        public bool IsDisposed => _handle == 0;

        public long[] shape
        {
            get
            {
                var sizes = new long[NativeMethods.ct_dim(Handle)];
                fixed (long* p = sizes)
                {
                    NativeMethods.ct_sizes(_handle, p);
                }

                return sizes;
            }
        }

        public ScalarType dtype => (ScalarType)NativeMethods.ct_dtype(Handle);

        public Device device
        {
            get
            {
                long packed = NativeMethods.ct_device(Handle);
                return (int)packed == 0 ? CPU : new Device((DeviceType)(int)packed, (int)(packed >> 32));
            }
        }

        public bool requires_grad
        {
            get => NativeError.Check(NativeMethods.ct_requires_grad(Handle), "requires_grad") != 0;
            set => NativeError.Check(NativeMethods.ct_set_requires_grad(Handle, value ? 1 : 0), "requires_grad");
        }

        /// <summary>The gradient that backward passes accumulated; null when there is none.</summary>
        public Tensor? grad
        {
            get
            {
                nint handle;
                NativeError.Check(NativeMethods.ct_grad(Handle, &handle), "grad");
                return handle == 0 ? null : new Tensor(handle);
            }

            set => NativeError.Check(NativeMethods.ct_set_grad(Handle, value?.Handle ?? 0), "grad");
        }

        public long dim() => NativeMethods.ct_dim(Handle);

        public long numel() => NativeMethods.ct_numel(Handle);

        public bool is_contiguous() => NativeMethods.ct_is_contiguous(Handle) != 0;

        /// <summary>The size of one dimension; negative ones count from the last.</summary>
        public long size(long dim)
        {
            long[] sizes = shape;
            long index = dim < 0 ? dim + sizes.Length : dim;
            return index >= 0 && index < sizes.Length
                ? sizes[index]
                : throw new ArgumentOutOfRangeException(nameof(dim), dim, $"The tensor has {sizes.Length} dimensions.");
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        /// <summary>The same memory, outside the graph.</summary>
        public Tensor detach() => Aten.detach.Call(this);

        /// <summary>Makes this tensor use another's memory, shape and dtype, keeping what refers to it (as a parameter).</summary>
        public void set_data(Tensor data) => Aten.set_data.CallInPlace(this, data);

        /// <summary>Accumulates the gradients of all leaves. <paramref name="gradient"/> may be left out for one element.</summary>
        public void backward(Tensor? gradient = null, bool retain_graph = false)
        {
            nint self = Handle;
            nint start = gradient?.Handle ?? 0;
            autograd.Run(&self, &start, 1, retain_graph, "backward");
        }

        /// <summary>Leaves the tensor to the scope that encloses its own, or to the caller when there is none.</summary>
        public Tensor MoveToOuterDisposeScope()
        {
            Scope?.MoveToOuter(this);
            return this;
        }

        /// <summary>Leaves the tensor to the caller, who must dispose of it.</summary>
        public Tensor DetachFromDisposeScope()
        {
            Scope?.Remove(this);
            return this;
        }

        public void Dispose()
        {
            if (_handle == 0)
            {
                return;
            }

            Scope?.Remove(this);
            NativeMethods.ct_release(TakeHandle());
            GC.SuppressFinalize(this);
        }

        public override string ToString() =>
            IsDisposed ? "[released]" : $"[{string.Join(", ", shape)}], {dtype}, {device}";

        /// <summary>The handle, no longer this object's to release.</summary>
        internal nint TakeHandle()
        {
            nint handle = _handle;
            _handle = 0;
            Scope = null;
            return handle;
        }

        private static void ThrowDisposed() =>
            throw new ObjectDisposedException(nameof(Tensor), "The tensor was released, by Dispose or by the end of its dispose scope.");
    }
}
